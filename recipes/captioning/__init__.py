"""Captioning: an image in, a sentence out, with where each word looked.

Shape: one-to-many
Task: a sentence about an image, with where each word looked
Data: scenes of handwritten digits with sentences about them, formulas with their LaTeX;
  `tfds:coco_captions`; tables, JSONL and Flickr8k's files of image and captions
Result: exact match 0.942 (0.000) on combinations unseen in training; formulas of up to 12 tokens
  0.869 (0.000)

    rnn-zoo train captioning                        scenes of scikit-learn's handwritten digits:
                                                    what stands where, and how many there are
    rnn-zoo train captioning --data embedded:formulas
                                                    pictures of formulas to LaTeX
    rnn-zoo train captioning --data captions.csv    yours: image path and one or more captions
    rnn-zoo train captioning --data captions.csv --encoder EfficientNetB0
                                                    with a network of keras.applications
    rnn-zoo predict saved_models/captioning photo.jpg

Convolutions turn the image into a grid of features; a recurrent decoder writes the sentence word
by word and looks at the grid by attention (Xu et al. 2015), or, to see what that is worth
(`--compare`), has its mean alone (Vinyals et al. 2015). It is trained by teacher forcing or with
scheduled sampling, and is judged by what it writes on its own, by beam search.
"""
