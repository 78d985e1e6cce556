"""The folder of the pair of a checkout: its own, and closed to other users."""

import shutil
import stat
from pathlib import Path

import pytest

from devtools.embedded import checkout as of_checkout
from devtools.embedded.pair import Pair


def test_no_folder_of_others_is_opened(checkout: Path, elsewhere: Path, laid_out: None) -> None:
    above = [*checkout.parents, elsewhere, *elsewhere.parents]
    before = [stat.S_IMODE(folder.stat().st_mode) for folder in above]
    pair = Pair(of_checkout.checkout_home(), durable=False)
    with pair.running():
        assert pair.postgres.answers()
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in above] == before
    assert stat.S_IMODE(pair.home.stat().st_mode) == 0o700
    assert (checkout / "var" / "embedded").resolve() == pair.home


def test_a_checkout_too_deep_for_sockets_keeps_its_data_elsewhere(
    checkout: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_checkout, "VAR", checkout / ("deep" * 30))
    home = of_checkout.checkout_home()
    assert home.parent == elsewhere
    assert of_checkout.checkout_home() == home


def test_a_copied_checkout_does_not_share_the_data_of_its_model(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_checkout, "VAR", checkout / ("deep" * 30))
    home = of_checkout.checkout_home()
    monkeypatch.setattr(of_checkout, "CHECKOUT", checkout.with_name("copy"))
    assert of_checkout.checkout_home() != home


def test_data_gone_with_the_folder_elsewhere_is_begun_anew(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_checkout, "VAR", checkout / ("deep" * 30))
    shutil.rmtree(of_checkout.checkout_home())
    assert of_checkout.checkout_home().is_dir()
