"""Language model: the next character or word, and text that continues a prompt.

Shape: many-to-many
Task: the next character or word; writing on from a prompt
Data: the reference of the Python language; `tfds:tiny_shakespeare`; text files, JSONL
Result: tiny-shakespeare 1.563 nats (2.491)

    rnn-zoo train language_model                        the reference of the Python language
    rnn-zoo train language_model --data my.txt          yours, or train, valid and test files: 1.563
                                                        nats a character on 1 MB of Shakespeare,
                                                        eight minutes on 2 cores
    rnn-zoo predict saved_models/language_model "The with statement" --temperature 0.7

A recurrent stack reads documents side by side by truncated backpropagation through time: states
are carried from batch to batch, and the gradient ends at the edge of a batch (Williams and Peng
1990; Zaremba et al. 2014). Metrics count every token and every end of a document, with states
carried. The baseline counts how often each token occurs, and which follows which.
"""
