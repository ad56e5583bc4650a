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
    split=r"(split_\d+/)?",


include: "workflow/rules/data.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/filter.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/ceiling.smk"
include: "workflow/rules/ablation.smk"
include: "workflow/rules/figures.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    split,
    ratio_range,
    summarize,
    morphometry,
    ceiling,
    ablation,
    plot_dice,
    plot_training,
    plot_pipeline,
    plot_network,


rule all:
    input:
        "<results>/summary.tsv",
        multiext("<results>/figures/fig3", ".png", ".svg", ".pdf"),
        expand("<results>/figures/fig{number}.png", number=["1", "2_kidney", "2_tumor", "4"]),
        expand("<results>/{split}models/{target}_training.png", split=FOLDERS, target=["kidney", "tumor"]),
        of_test_cases("<results>/{split}figures/slices/{case}.png"),
        "<results>/ceiling.tsv",
        "<results>/ablation.tsv",
        "<results>/morphometry.tsv",


onstart:
    warn_without_gpu()
    state_licence()
    see_cancelled_jobs()


onsuccess:
    if complete_run():
        provenance.write(RESULTS, config, STARTED)
        shell(f"python3 {shlex.quote(script('show_summary'))} --run {shlex.quote(RESULTS)}")


onerror:
    repeat_errors()
