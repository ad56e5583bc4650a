"""The report: its first page, as a reader opens it in a real browser without a network, and when it is refused."""

import json
import os
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pandas as pd
import pytest
import yaml
from conftest import RESOURCES, RESULTS, ROOT, TINY, merged, run_script
from helpers.browser import check_nothing_was_loaded, start
from selenium.webdriver.support.ui import WebDriverWait

from kidney_tumor.analysis.claims import NOT_STATED
from kidney_tumor.analysis.summary import describe_effect
from kidney_tumor.configuration import fill_defaults, list_changes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(finished):
    """The report of the finished run, made as `make report` makes it, in Chromium."""
    with start("--disable-gpu") as driver:
        style = str(ROOT / "workflow" / "report" / "style.css")
        result = finished.snakemake(TINY, "--report", "report.html", "--report-stylesheet", style)
        assert result.returncode == 0, result.stdout
        driver.get((finished.folder / "report.html").as_uri())
        WebDriverWait(driver, 30).until(lambda driver: driver.find_elements("css selector", ".prose h1"))
        yield driver


def read_table(finished, name):
    return pd.read_csv(finished.folder / RESULTS / f"{name}.tsv", sep="\t")


def read_cells(page, header):
    """The rows, as lists of texts, of the table on the first page that has some headers."""
    for table in page.find_elements("css selector", "table"):
        rows = [row.find_elements("css selector", "td, th") for row in table.find_elements("css selector", "tr")]
        texts = [[cell.text.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in rows]
        if texts[0][: len(header)] == header:
            return texts[1:]
    raise AssertionError(f"no table with {header}")


def test_the_first_page_opens_on_the_effect(browser, finished):
    page = browser.find_element("css selector", ".prose")
    effect = read_table(finished, "effect")
    order = [
        "Phantoms, not patients",
        *(describe_effect(row) for _, row in effect.iterrows()),
        "The paper's Fig. 3",
        "How good are the segmentations?",
        "Where does the paper stand?",
        "Look at each case",
        "Does the paper hold?",
        "What limits the method?",
        "What does each constraint do?",
        "What made these results?",
    ]
    places = [page.text.index(text) for text in order]
    assert places == sorted(places)
    images = page.find_elements("css selector", "img")
    sizes = [browser.execute_script("return arguments[0].naturalWidth", image) for image in images]
    assert len(sizes) == 3  # Fig. 3, published results and the ablation
    assert min(sizes) > 300
    assert images[0].location["y"] < page.find_element("css selector", "table").location["y"]
    top = browser.execute_script("return document.querySelector('.prose h1').getBoundingClientRect().top")
    assert top >= 0  # not above the window, where no scrolling leads


def test_the_tables_of_the_first_page_are_those_on_disk(browser, finished):
    page = browser.find_element("css selector", ".prose")
    rows = read_cells(page, ["target", "cases", "rose", "fell"])
    expected = [
        [
            row.target.replace("_", " + "),
            *map(str, (row.n, row.improved, row.worsened, row.unchanged)),
            f"{row.mean:+.3f} [{row.mean_low:+.3f}, {row.mean_high:+.3f}]",
            f"{row.median:+.3f} [{row.median_low:+.3f}, {row.median_high:+.3f}]",
            f"{row.wilcoxon_p:.2g}",
        ]
        for row in read_table(finished, "effect").itertuples()
    ]
    assert rows == expected
    dice = read_table(finished, "dice").set_index(["target", "stage"])
    for target, stage, count, mean, _, found, emptied in read_cells(page, ["target", "post-processing"]):
        row = dice.loc[target.replace(" + ", "_"), stage]
        assert mean.split()[0] == f"{row['mean']:.3f}"
        assert [count, found, emptied] == [f"{row[name]:.0f}" for name in ("n", "found", "emptied")]
    assert len(read_cells(page, ["target", "step"])) == len(read_table(finished, "trace_summary"))


def test_phantoms_are_named_once(browser):
    """Not once for each of the claims, none of which is judged."""
    page = browser.find_element("css selector", ".prose")
    assert page.text.count("5 phantoms, not KiTS19") == 1
    assert "cannot be checked" not in page.text


def test_the_first_page_says_what_made_the_results(browser, finished):
    page = browser.find_element("css selector", ".prose")
    settings = {key: rest for key, *rest in read_cells(page, ["setting", "here"])}
    assert settings["training.epochs"] == ["2", "50", "yes"]
    assert settings["training.batch_size"] == ["8", "16", "no"]
    assert "training.seed" not in settings
    assert "download.attempts" not in settings
    record = json.loads((finished.folder / RESULTS / "models/tumor.json").read_text())
    for text in (record["device"], record["started"], "2 epochs", "commit", "UTC"):
        assert text in page.text


@pytest.mark.parametrize("width", [1400, 800, 390])
def test_nothing_is_wider_than_the_window(browser, width):
    """But for tables and the graph of rules, which scroll in boxes of their own, and what a reader scrolls down to."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        WebDriverWait(browser, 10).until(lambda browser: browser.execute_script("return innerWidth") == width)
        wide, sideways = browser.execute_script(
            """
            const all = [...document.querySelectorAll("#app *")];
            const name = element => `${element.tagName} ${element.className}`;
            return [
                all.filter(element => element.getBoundingClientRect().right > innerWidth + 1)
                    .filter(element => !element.closest(".scroll table, .vega-embed canvas")).map(name),
                [document.documentElement, ...all].filter(element => element.scrollWidth > element.clientWidth + 1)
                    .filter(element => getComputedStyle(element).overflowX != "visible")
                    .filter(element => !element.matches(".scroll, .vega-embed")).map(name),
            ];
            """
        )
        assert wide == sideways == []
        for box in browser.find_elements("css selector", ".prose .scroll, .vega-embed"):
            assert browser.execute_script("return getComputedStyle(arguments[0]).overflowX", box) == "auto"
        page = browser.find_element("css selector", ".prose")
        assert page.size["width"] >= 0.6 * width  # and not in a narrow column beside the menu
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_each_case_has_a_link_that_survives_in_the_report(browser, finished):
    """It opens in another tab; from the run's folder it leads to the case's page."""
    links = browser.find_elements("css selector", ".prose a[href*=viewers]")
    split = read_table(finished, "split")
    assert [link.text for link in links] == sorted(split["case"][split["subset"] == "test"])
    for link in links:
        assert link.get_dom_attribute("target") == "_blank"
        assert (finished.folder / RESULTS / link.get_dom_attribute("href")).is_file()


def test_nothing_is_loaded_and_nothing_fails(browser):
    check_nothing_was_loaded(browser)


def test_every_figure_is_shown(browser):
    categories = browser.execute_script("return Object.keys(categories)")
    assert [name.split(". ")[1] for name in sorted(categories)] == [
        "Results", "True masks", "Ablation", "Morphometry", "Phantom patients", "Method",
        "Cases", "Cohort", "Training",
    ]  # fmt: skip
    figures = browser.execute_script("return Object.keys(results).filter(path => path.endsWith('.png'))")
    assert {"fig1.png", "fig2_kidney.png", "fig3.png", "fig4.png"} <= {path.split("/")[-1] for path in figures}
    for path in figures:
        shown = browser.execute_async_script(
            """
            const [path, done] = arguments;
            app.setView({content: "img", contentPath: results[path].data_uri, resultPath: path});
            setTimeout(() => {
                const image = [...document.images].find(image => image.src == results[path].data_uri);
                image.decode().then(() => done(image.naturalWidth), () => done(0));
            });
            """,
            path,
        )
        assert shown > 300, path
        assert browser.execute_script("return results[arguments[0]].caption.length > 0", path), path


@pytest.fixture
def show_claims(finished, tmp_path):
    """A function that writes the first page of the finished run with other claims; it reads what it says of them."""

    def show(rows):
        run, page = tmp_path / "run", tmp_path / "page.html"
        shutil.copytree(finished.folder / RESULTS, run, symlinks=True)
        names = ["claim", "section", "paper", "here", "low", "high", "verdict"]
        pd.DataFrame(rows, columns=names).to_csv(run / "summary.tsv", sep="\t", index=False)
        options = ["--name", "mine", "--results", run, "--records", run / "models/kidney.json"]
        options += ["--template", RESOURCES / "first_page.html", "--style", ROOT / "workflow" / "report" / "style.css"]
        result = run_script("write_first_page", *options, "--output", page)
        assert result.returncode == 0, result.stderr
        html = page.read_text().split("<h2>Does the paper hold?</h2>")[1].split("<h2>")[0]
        section = ElementTree.fromstring(f"<section>{html}</section>")
        rows = [["".join(cell.itertext()) for cell in row] for row in section.iter("tr")]
        return rows, [" ".join("".join(text.itertext()).split()) for text in section.iter("p")]

    return show


def test_verdicts_are_shown_where_there_are_some(show_claims):
    none = float("nan")
    rows, texts = show_claims(
        [
            ("test cases", "3", "20", "20", none, none, "agrees"),
            ("mean Dice, tumor, after", "3", "0.61", "0.5", 0.4, 0.62, "compatible"),
            ("mean Dice, tumor, before", "3", "not stated", "0.4", 0.3, 0.5, NOT_STATED),
            ("ratio <low>", "2.2", "1.07", "1.1", none, none, "cannot be checked: a & b not as in the paper"),
            ("ratio, high", "2.2", "2.8", "2.7", none, none, "cannot be checked: a & b not as in the paper"),
            ("median Dice, tumor, after", "3", "0.65", "", none, none, "undefined here"),
        ]
    )
    assert [row[0] for row in rows] == ["claim", "test cases", "mean Dice, tumor, after", "median Dice, tumor, after"]
    assert rows[1][2:] == ["20", "20", "", "agrees"]
    assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in rows[2][4:]] == ["[0.4, 0.62]", "compatible"]
    assert rows[3][2:] == ["0.65", "", "", "undefined here"]  # and not nan
    assert texts[1:] == ["Not judged, a & b not as in the paper: ratio <low>; ratio, high."]


def test_why_no_claim_is_judged_is_said_once(show_claims):
    none = float("nan")
    unchecked = [(f"claim {n}", "3", "20", "4", none, none, "cannot be checked: 4 of 210 cases") for n in range(9)]
    rows, texts = show_claims([*unchecked, ("mean", "3", "not stated", "0.4", none, none, NOT_STATED)])
    assert rows == []
    assert texts == ["No claim of the paper is judged here: 4 of 210 cases."]


def test_settings_are_listed_where_they_differ_and_are_read():
    config = {
        "run": "mine",
        "device": "cpu",
        "slices": {"size": 64},
        "phantom": {"seed": 1},
        "download": {"attempts": 9},
    }
    fill_defaults(config)
    assert list_changes(config) == {"device": ("cpu", "auto"), "slices.size": (64, 256)}
    config["data"]["source"] = "download"
    changes = {"device": ("cpu", "auto"), "slices.size": (64, 256), "data.source": ("download", "kits19")}
    assert list_changes(config) == changes | {"download.attempts": (9, 8)}


def make_report(project, config):
    """`make report` without make."""
    path = project.folder / "mine.yaml"
    path.write_text(config if isinstance(config, str) else yaml.safe_dump(config))
    command = [sys.executable, project.folder / "workflow/scripts/make_report.py", "--configfile", path.name]
    return subprocess.run(command, cwd=project.folder, capture_output=True, text=True)


def report_run(project, name):
    """`make report RUN=...` without make."""
    command = [sys.executable, project.folder / "workflow/scripts/make_report.py", "--run", name]
    return subprocess.run(command, cwd=project.folder, capture_output=True, text=True)


def test_a_run_is_reported_however_it_was_configured(finished, copy_of):
    """By a file and `--config`; after a change of its results by other values, it is refused."""
    project = copy_of(finished)
    keys = ["--config", "statistics={seed: 3}"]
    result = project.snakemake(TINY, *keys)
    assert result.returncode == 0, result.stdout
    assert f"`make report RUN={TINY['run']}` writes it" in result.stdout
    made = report_run(project, TINY["run"])
    assert (made.returncode, made.stdout) == (0, f"report: {RESULTS}/report.html\n"), made.stderr
    assert "What made these results?" in (project.folder / RESULTS / "report.html").read_text()
    (project.folder / RESULTS / "report.html").unlink()
    result = project.snakemake(TINY, "summarize")
    assert result.returncode == 0, result.stdout
    refused = report_run(project, RESULTS)
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        f"error: {RESULTS} does not belong to the configuration in its provenance.json and"
    )
    assert len(refused.stderr.splitlines()) == 1
    assert not (project.folder / RESULTS / "report.html").exists()


def test_a_run_that_is_not_complete_is_one_line(project):
    for name, says in (("none", "there is no run results/none;"), ("half", "results/half/provenance.json, which")):
        (project.folder / "results" / "half").mkdir(parents=True, exist_ok=True)
        refused = report_run(project, name)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"error: {says}")
        assert len(refused.stderr.splitlines()) == 1


def test_a_report_of_other_results_is_refused(finished, copy_of):
    project = copy_of(finished)
    report = project.folder / RESULTS / "report.html"
    report.write_text("the report before")
    refused = make_report(project, merged(TINY, postprocess={"percentiles": [10, 90]}))
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith(f"error: {RESULTS} does not belong to mine.yaml")
    assert "snakemake --cores 2 --configfile mine.yaml" in refused.stderr
    assert report.read_text() == "the report before"
    made = make_report(project, merged(TINY, cpu_threads=2))  # which decides no result
    assert made.returncode == 0, made.stderr
    assert made.stdout == f"report: {RESULTS}/report.html\n"
    assert "What made these results?" in report.read_text()
    assert not list(report.parent.glob(".partial*"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (TINY, f"{RESULTS} holds no results yet; run"),
        ("run: [mine\nb: {", "mine.yaml is not YAML: "),
        ("\0", "mine.yaml is not YAML: "),
        ("", "mine.yaml holds no keys; expected"),
        ("runs: mine", "config: runs is not a known key; did you mean run?"),
        ("run: ../mine", "config: run: '../mine' does not match"),
    ],
)
def test_a_configuration_without_results_is_one_line(project, config, message):
    refused = make_report(project, config)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith(f"error: {message}")


def test_a_missing_configuration_is_one_line(tmp_path):
    refused = run_script("make_report", "--configfile", "missing.yaml", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: missing.yaml: No such file or directory; expected")
    assert len(refused.stderr.splitlines()) == 1


def test_an_old_report_is_not_named(finished, tmp_path):
    run = tmp_path / "mine"
    run.mkdir()
    for name in ("dice.tsv", "effect.tsv", "provenance.json"):
        shutil.copy(finished.folder / RESULTS / name, run)

    def show():
        return run_script("show_summary", "--run", run).stdout.splitlines()[-1]

    assert show().startswith("report: not written yet; `make report RUN=mine`")
    report = run / "report.html"
    report.touch()
    for name in ("dice.tsv", "effect.tsv", "provenance.json"):
        os.utime(run / name, (1000, 1000))
    os.utime(report, (2000, 2000))
    assert show() == f"report: {report}"
    for name in ("dice.tsv", "provenance.json"):
        os.utime(run / name, (3000, 3000))
        assert show().startswith("report: older than these results; `make report RUN=mine`")
        os.utime(run / name, (1000, 1000))


@pytest.mark.parametrize("section", [None, "kidney"])
def test_an_importing_workflow_has_the_report(finished, copy_of, section):
    """Whatever its own configuration looks like."""
    project = copy_of(finished)
    (project.folder / "Snakefile.importer").write_text(
        "module kits:\n"
        '    snakefile: "Snakefile"\n'
        f"    config: config{f'[{section!r}]' if section else ''}\n"
        "use rule * from kits as kits_*\n"
    )
    config = {section: TINY, "run": "of the importer"} if section else TINY
    result = project.snakemake(config, "--snakefile", "Snakefile.importer", "--report", "report.html")
    assert result.returncode == 0, result.stdout
    report = (project.folder / "report.html").read_text()
    assert "What made these results?" in report
    assert "overflow-x: auto" in report  # the style, although no stylesheet was given
