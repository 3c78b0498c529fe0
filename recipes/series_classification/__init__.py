"""Series classification: a class for a series of numbers, such as the readings of a sensor.

Shape: many-to-one
Task: the class of a series of numbers; rare classes by `--class-weight balanced`
Data: scikit-learn's digits, row by row or shuffled pixels; `.ts`, CSV, TSV, npz
Result: accuracy 0.992 (0.981)

    rnn-zoo train series_classification                        handwritten digits, row by row
    rnn-zoo train series_classification --permuted --cell delay      pixel by pixel, shuffled
    rnn-zoo train series_classification --permuted --model echo_state --units 300
    rnn-zoo train series_classification --data GunPoint/       yours: .ts, CSV, TSV, .npz
    rnn-zoo predict saved_models/series_classification GunPoint/GunPoint_TEST.ts

In a table, a row is a whole series or a step of one; `rnn-zoo check` says which, and what was
understood of each column. Series may have several channels, any lengths and missing values. They
are scaled inside the model;
a recurrent stack reads them, and one vector pooled from its states decides. Or an echo state
network does, whose readout is found in closed form. It is compared with classifiers that take a
series as one long row of numbers: logistic regression, and the nearest series of the training part.
Only series of at least eight channels get another width and dropout where they are few.
"""
