"""Music: a seed chord, or some bars, grow into a piece.

Shape: one-to-many
Task: how likely music is; continuing it from a chord or some bars
Data: Bach's chorales (music21); MIDI files; `.mat`, JSON and npz of the JSB and Nottingham form
Result: 5.7 nats a frame (11.2); JSB 5.8 (11.1)

    rnn-zoo train music                          Bach's chorales, from the corpus of music21: 5.7
                                                 nats a frame, baseline 11.2; two minutes of
                                                 training on 2 cores
    rnn-zoo train music --data JSB_Chorales.mat  the set of Boulanger-Lewandowski et al. (2012)
    rnn-zoo train music --data my_midi_files/ --step eighth
    rnn-zoo train music --head independent --compare
    rnn-zoo predict saved_models/music "C4 E4 G4" song.mid --pieces written/ --frames 64

A recurrent network reads frames of 88 keys; the distribution of the next one is a chain over its
keys, each given the lower ones (RNN-NADE, Boulanger-Lewandowski et al. 2012), or 88 keys that do
not know of each other. `nats_per_frame` is minus the log-likelihood of a frame, the sum over its
keys, on average over all frames but the first of each piece, as in published figures;
`nats_per_frame_with_first` has these as well. The baselines know how often each key sounds, and
the frame before. After the training there are pieces to hear in `samples/`, as MIDI and WAV.
"""
