"""The confidence of tags: calibrated on the validation part, without another tag."""

from __future__ import annotations

import pytest

from recipes.kit import calibration
from recipes.kit.data.source import Source
from recipes.kit.output import run_record, write_json
from recipes.kit.recipe import Run
from recipes.ner import recipe
from recipes.ner.options import Config
from recipes.ner.serve import Tagger, TaggerPredictor


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_a_tagger_that_is_too_sure(corpus, tmp_path, monkeypatch, head):
    monkeypatch.setattr(calibration, "FEWEST", 20)
    config = Config(data=Source.of(corpus), units=4, word_dim=4, cell="simple", head=head)
    run = Run(config, recipe.load_data(config.data, config), tmp_path, "ner")
    model = recipe.build(run)
    kernel = model.get_layer("scores").kernel
    kernel.assign(30 * kernel)
    recipe.export(run, model)
    write_json(tmp_path / "config.json", run_record("ner", config))
    predictor = TaggerPredictor(tmp_path)
    assert predictor.calibration is not None and predictor.calibration.temperature > 2
    test = run.data.test
    tagged = predictor.tag(test)
    plain = Tagger(model, run.data.vocabulary, run.data.tags)
    assert [each.tags for each in tagged] == plain.tag(test)
    judgement = predictor.judge(test)
    error = predictor.calibration.error_before
    assert error is not None and judgement.metrics["calibration_error"] < error - 0.1
    assert judgement.notes == (predictor.calibration.note,)
    assert judgement.facts["calibration"]["examples"] == len(run.data.valid)
