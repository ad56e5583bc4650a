"""The report as a reader opens it: in a real browser, without a network."""

import shutil

import pytest
from conftest import ROOT, TINY
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1400,900",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


@pytest.fixture(scope="module")
def browser(finished):
    """The report of the finished run, made as `make report` makes it, in Chromium."""
    if not (BROWSER and DRIVER):
        pytest.skip("no chromium and chromedriver")
    style = str(ROOT / "workflow" / "report" / "style.css")
    result = finished.snakemake(TINY, "--report", "report.html", "--report-stylesheet", style)
    assert result.returncode == 0, result.stdout
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.get((finished.folder / "report.html").as_uri())
        WebDriverWait(driver, 30).until(lambda driver: driver.find_elements("css selector", ".prose h1"))
        yield driver
    finally:
        driver.quit()


def test_the_first_page_answers(browser):
    page = browser.find_element("css selector", ".prose")
    for text in (
        "Phantoms, not patients",
        "Does the paper hold?",
        "accepted ratio, low",
        "mean Dice, kidney_tumor, after",
        "cannot be checked: 5 phantoms",
        "wilcoxon_p",
        "lower_half",
    ):
        assert text in page.text
    assert len(browser.find_elements("css selector", ".prose svg")) >= 2  # Fig. 3 and the ablation
    top = browser.execute_script("return document.querySelector('.prose h1').getBoundingClientRect().top")
    assert top >= 0  # not above the window, where no scrolling leads


def test_nothing_is_loaded_and_nothing_fails(browser):
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in loaded if name.startswith("http")] == []


def test_every_figure_is_shown(browser):
    categories = browser.execute_script("return Object.keys(categories)")
    assert [name.split(". ")[1] for name in sorted(categories)] == [
        "Results", "Ceiling", "Ablation", "Morphometry", "Method", "Cases", "Cohort", "Training",
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
