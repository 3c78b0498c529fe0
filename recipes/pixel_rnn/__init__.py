"""Images, pixel by pixel: PixelRNN learns how likely an image is, draws new ones, completes others.

Shape: one-to-many
Task: how likely an image is; drawing and completing images
Data: scikit-learn's digits, 8 x 8, 17 levels; `tfds:mnist`, `tfds:cifar10`; npz, npy, folders
  of images
Result: 82.9 nats (107.3); MNIST 84.5 (205.8)

    rnn-zoo train pixel_rnn                      scikit-learn's handwritten digits, 8 x 8: 82.9
                                                 nats an image, baseline 107.3; two minutes of
                                                 training on 2 cores
    rnn-zoo train pixel_rnn --data mnist.npz --binarize sample
    rnn-zoo train pixel_rnn --data my_photos/ --size 32 --levels 8 --units 48
    rnn-zoo train pixel_rnn --train train.npy --test photos_of_today/
    rnn-zoo predict saved_models/pixel_rnn digit.png

Each pixel (and colour) has a distribution given all that come before it, by masked LSTMs over rows
or diagonals (van den Oord et al. 2016), or masked convolutions. The likelihood of an image is
exact: nats an image and bits a dimension (pixel and colour) are what models are compared by. The
baseline knows how often each pixel has each level, and nothing of its neighbours.
"""
