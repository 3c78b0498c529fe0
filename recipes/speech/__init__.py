"""Speech recognition: text out of sound, by a recurrent network and CTC.

Shape: many-to-many
Task: text out of a recording, with the time of each letter
Data: generated Morse code; `tfds:librispeech`, `speech_commands`, `ljspeech`, `yes_no`; manifests,
  folders with the transcripts in the file names; WAV, FLAC, OGG, MP3
Result: Morse CER 0.1 % (98 %); spoken digits 0.6 % (94 %)

    rnn-zoo train speech                             Morse code as a radio receives it: two wrong
                                                     of 300 texts after 30 epochs
    rnn-zoo train speech --data clips.csv            yours: a manifest with path and transcript
    rnn-zoo train speech --data recordings/ --transcript-from-name '{text}_{speaker}_*'
    rnn-zoo predict saved_models/speech call.wav

Log energies in mel bands, or cepstra (MFCC) with their slopes, go through a recurrent stack, in
both directions or as a stream in one; connectionist temporal classification (Graves et al. 2006)
needs no alignment of sound and text. Text is found by prefix beam search. The SavedModel takes
waveforms.
"""
