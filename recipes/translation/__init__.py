"""Translation: a sentence out of another, by an encoder and a decoder with attention.

Shape: encoder-decoder
Task: a sentence out of another, with what each piece was made from
Data: dates in 34 languages to ISO 8601 (Babel); `tfds:ted_hrlr_translate/pt_to_en`; pairs in
  TSV, CSV and JSONL, line-aligned files
Result: exact match 0.998 (0.004); Tatoeba BLEU 38.4 (21.1)

    rnn-zoo train translation                             dates in many languages to ISO 8601:
                                                          99.8 % of unseen ones exactly right
    rnn-zoo train translation --data pairs.tsv            yours: source TAB target or aligned files;
                                                          38.4 BLEU on 50,000 short English-French
                                                          pairs, 28.7 without attention
    rnn-zoo predict saved_models/translation "3. Oktober 1990"

The encoder reads the source in both directions; the decoder writes the target piece by piece and
looks back at the source by attention, additive (Bahdanau et al. 2015) or a product (Luong et al.
2015), or, to see what that is worth, has one vector for all of it. It is trained by teacher forcing
or with scheduled sampling, and is judged by what it writes on its own, by beam search.
"""
