"""What lies in monitoring/ speaks of things that there are: metrics, members of the JSON, files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import status_samples
from maxbridge.cli.status import to_json
from maxbridge.observe.health import fields
from test_metrics import full_file, outcome

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "monitoring"
DOC = ROOT / "docs" / "monitoring.md"
PROMTOOL, SYSTEMD_ANALYZE = shutil.which("promtool"), shutil.which("systemd-analyze")
WORDS_OF_ZABBIX = ("name", "description")
USED = re.compile(r"\bmaxbridge_[a-z_]+\b")


@pytest.fixture
def exported(tmp_path: Path) -> set[str]:
    """Names that Prometheus would know."""
    families = text_string_to_metric_families(full_file(tmp_path))
    return {each.name for family in families for each in family.samples}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "prometheus-alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_each_alert_uses_metrics_that_exist(exported: set[str]) -> None:
    for rule in rules():
        used = set(USED.findall(rule["expr"]))
        assert used <= exported, rule["alert"]
        assert used or "node_textfile_mtime_seconds" in rule["expr"]


def test_each_alert_says_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["alert"] in DOC.read_text()


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here")
def test_the_alerts_fire_when_they_should() -> None:
    for command in (
        ["check", "rules", "prometheus-alerts.yml"],
        ["test", "rules", "prometheus-alerts-test.yml"],
    ):
        done = subprocess.run(
            [str(PROMTOOL), *command], cwd=FOLDER, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested() -> None:
    tests = yaml.safe_load((FOLDER / "prometheus-alerts-test.yml").read_text())["tests"]
    fired = {
        each["alertname"]
        for test in tests
        for each in test["alert_rule_test"]
        if each.get("exp_alerts")
    }
    assert fired == {rule["alert"] for rule in rules()}


def test_each_panel_uses_metrics_that_exist(exported: set[str]) -> None:
    board = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    shown: set[str] = set()
    for panel in board["panels"]:
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            used = set(USED.findall(target["expr"]))
            assert used, panel["title"]
            assert used <= exported, panel["title"]
            shown |= used
    for each in board["annotations"]["list"]:
        shown |= set(USED.findall(each["expr"]))
    # What is measured is to be seen.
    families = {re.sub("_(bucket|sum|count|total)$", "", name) for name in exported}
    assert {re.sub("_(bucket|sum|count|total)$", "", name) for name in shown} == families


def test_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def template() -> dict[str, Any]:
    export = yaml.safe_load((FOLDER / "zabbix_template_maxbridge.yaml").read_text())
    (found,) = export["zabbix_export"]["templates"]
    return dict(found)


def _member(data: Any, path: str) -> Any:
    """A JSONPath of plain members."""
    assert re.fullmatch(r"\$(\.[a-z_]+)+", path), path
    for name in path.split(".")[1:]:
        data = data[name]
    return data


@pytest.mark.parametrize("name", status_samples.SAMPLES)
def test_each_item_of_zabbix_finds_its_value(name: str) -> None:
    with status_samples.sample(name) as report:
        data = json.loads(json.dumps(to_json(report)))
    seen = 0
    for item in template()["items"]:
        for step in item.get("preprocessing", []):
            if step["type"] == "JSONPATH":
                value = _member(data, *step["parameters"])
                seen += 1
                if item["value_type"] == "UNSIGNED":
                    empty = {"type": "STR_REPLACE", "parameters": ["null", "0"]} in item[
                        "preprocessing"
                    ]
                    assert isinstance(value, int) or (value is None and empty), item["key"]
    assert seen > 15


def test_the_russian_template_is_the_same_but_for_its_words() -> None:
    """Either may be imported: Zabbix knows them by the ids, so one takes the place of the other."""

    def without_words(each: Any) -> Any:
        if isinstance(each, dict):
            return {
                key: bool(value) if key in WORDS_OF_ZABBIX else without_words(value)
                for key, value in each.items()
            }
        return [without_words(one) for one in each] if isinstance(each, list) else each

    russian = yaml.safe_load((FOLDER / "zabbix_template_maxbridge.ru.yaml").read_text())
    english = yaml.safe_load((FOLDER / "zabbix_template_maxbridge.yaml").read_text())
    assert without_words(russian) == without_words(english)
    (template_of,) = russian["zabbix_export"]["templates"]
    said = [template_of["description"]]
    for item in template_of["items"]:
        said += [item["name"], item["description"]]
        said += [each[key] for each in item.get("triggers", []) for key in WORDS_OF_ZABBIX]
    plain = {"", "systemctl status maxbridge; journalctl -u maxbridge"}
    assert [each for each in said if each not in plain and not re.search("[а-я]{2}", each)] == []


def test_the_template_hangs_together() -> None:
    found = template()
    keys = [item["key"] for item in found["items"]]
    assert len(keys) == len(set(keys))
    ids = re.findall(r"uuid: (\S+)", (FOLDER / "zabbix_template_maxbridge.yaml").read_text())
    assert len(ids) == len(set(ids))
    for each in ids:
        # Zabbix refuses what is not version 4.
        assert re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", each), each
    for item in found["items"]:
        if item["type"] == "DEPENDENT":
            assert item["master_item"]["key"] == "maxbridge.status"
        for trigger in item.get("triggers", []):
            for host, key in re.findall(r"/([^/]+)/([a-z.]+)", trigger["expression"]):
                assert host == found["template"]
                assert key in keys
    parameter = (FOLDER / "zabbix_agent2_maxbridge.conf").read_text()
    assert "\nUserParameter=maxbridge.status," in parameter


# --- docs/monitoring.md --------------------------------------------------------------------------


def test_each_metric_is_explained_and_no_other(tmp_path: Path) -> None:
    families = text_string_to_metric_families(full_file(tmp_path))
    rows = re.findall(r"^\| `(maxbridge_[a-z_]+)`", DOC.read_text(), re.MULTILINE)
    names = [f"{each.name}_total" if each.type == "counter" else each.name for each in families]
    assert rows == names


def test_each_field_of_the_line_is_explained() -> None:
    line = fields(outcome())
    _, _, of_the_log = DOC.read_text().partition("\n## The log\n")
    rows = re.findall(r"^\| `([a-z]+)` \|", of_the_log, re.MULTILINE)
    assert set(line) <= set(rows)
    assert set(rows) == set(fields(_everything()))


def _everything() -> Any:
    return replace(outcome(), thread=1, mid="mid.1", files=1, error="x", reason="y")


def test_every_file_is_named() -> None:
    for each in FOLDER.iterdir():
        assert f"monitoring/{each.name}" in DOC.read_text(), each.name


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOC.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="systemd is not here")
def test_systemd_understands_the_drop_in(tmp_path: Path) -> None:
    (drop_in,) = blocks("ini")
    unit = (ROOT / "systemd" / "maxbridge.service").read_text()
    # The program is not installed here; everything else is looked at.
    (tmp_path / "maxbridge.service").write_text(
        re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", unit, flags=re.MULTILINE)
    )
    folder = tmp_path / "maxbridge.service.d"
    folder.mkdir()
    (folder / "metrics.conf").write_text(drop_in)
    done = subprocess.run(
        [str(SYSTEMD_ANALYZE), "verify", str(tmp_path / "maxbridge.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    about = [line for line in done.stderr.splitlines() if "maxbridge" in line or "metrics" in line]
    assert (done.returncode, about) == (0, [])
