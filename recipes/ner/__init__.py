"""Named entities: a tag for every word, by a recurrent tagger with a conditional random field.

Shape: many-to-many
Task: a tag for every word: named entities, parts of speech
Data: 4,000 sentences from templates, with names of many locales (Faker, Babel); `tfds:conll2003`,
  `tfds:wikiann/en`; CoNLL, CoNLL-U, tables, JSON
Result: F1 0.975 (0.225); WNUT-17 0.204 (0.057)

    rnn-zoo train ner                      embedded sentences: entity F1 0.975, baseline 0.225,
                                           one minute of training on 2 cores
    rnn-zoo train ner --data my_corpus/    CoNLL columns or CoNLL-U, yours
    rnn-zoo predict saved_models/ner "Ada Lovelace lived in London."

Word embeddings and a character convolution go through a bidirectional stack; a linear-chain CRF
scores whole tag sequences (Huang et al. 2015; Ma and Hovy 2016). A multilayer perceptron on the
same features, blind to context, is trained beside it: what it lacks is what recurrence adds. With
`--tag-column` it tags parts of speech, or whatever the column holds.
"""
