"""Sentiment: a class for a whole text, by a recurrent classifier.

Shape: many-to-one
Task: a class for a whole text, with the weight of each word; rare classes by
  `--class-weight balanced`
Data: 4,000 generated reviews; `tfds:imdb_reviews`, `tfds:glue/sst2`; lines, TSV, CSV, JSON, a
  file or folder for each class
Result: accuracy 1.000 (0.598); SST-2 0.814 (0.786)

    rnn-zoo train sentiment                          embedded reviews: accuracy 1.000, baseline
                                                     0.598, two minutes of training on 2 cores
    rnn-zoo train sentiment --data my_texts/         yours: lines, TSV, CSV, JSONL, class folders
    rnn-zoo predict saved_models/sentiment "The plot is terribly exciting."

Word embeddings go through a bidirectional stack; one vector is pooled from its states, by attention
unless told otherwise (Yang et al. 2016), and decides between two or more classes. A bag of words,
which knows which words there are and not their order, is fitted beside it.
"""
