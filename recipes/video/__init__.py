"""Video: the class of a clip, or of each of its frames.

Shape: many-to-one
Task: what a clip shows, or each of its frames
Data: handwritten digits that move, in motions that are each other's reverse; npz; tables; folders
  of GIFs, video files and frames; tfds:ucf101
Result: accuracy 0.985 (0.140); shuffled frames 0.458

    rnn-zoo train video --compare           moving digits, and the same model on shuffled frames
    rnn-zoo train video --labels frame --bidirectional --units 128 --filters 12 --epochs 20
                                            the direction at each frame
    rnn-zoo train video --data clips/       yours: a folder for each class, a table or .npz
    rnn-zoo predict saved_models/video clip.gif frames/

Convolutions turn each frame into a vector, a recurrent stack reads these, and its states decide
(Donahue et al. 2015); or a ConvLSTM keeps its state as a map of the image (Shi et al. 2015). True
lengths are kept. The baseline sees one frame alone.
"""
