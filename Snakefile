from snakemake.utils import min_version

min_version("9.20")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",
    cohort=COHORT,


wildcard_constraints:
    case="|".join(CASES),
    target="kidney|tumor",


include: "workflow/rules/data.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/filter.smk"
include: "workflow/rules/results.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    split,
    ratio_range,
    summarize,
    plot_dice,
    plot_training,


rule all:
    input:
        multiext("<results>/figures/fig3", ".png", ".svg", ".pdf"),
        "<results>/summary.tsv",
        expand("<results>/models/{target}_training.png", target=["kidney", "tumor"]),


onstart:
    warn_without_gpu()


onsuccess:
    if complete_run():
        provenance.write(RESULTS, config, STARTED)
        shell(f"python3 {shlex.quote(script('show_summary'))} --run {shlex.quote(RESULTS)}")


onerror:
    repeat_errors()
