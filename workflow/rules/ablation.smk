import pandas as pd
from kits import settings
from snakemake.utils import Paramspace

SETTINGS = Paramspace(pd.DataFrame(settings.compared(config)))


rule ablate:
    # One setting of the filter, on the predictions as they are.
    input:
        labels=of_test_cases("<cohort>/{case}/segmentation.nii.gz"),
        kidneys=of_test_cases("<results>/{split}predictions/{case}/kidney.nii.gz"),
        tumors=of_test_cases("<results>/{split}predictions/{case}/tumor.nii.gz"),
        components="<results>/tumor_components.tsv",
        script=script("ablate"),
        modules=modules("ablation", "settings", "postprocessing", "components", "runs", "scoring", "tables", "nifti"),
    output:
        f"<results>/ablation/{SETTINGS.wildcard_pattern}.tsv",
    log:
        f"<logs>/ablation/{SETTINGS.wildcard_pattern}.log",
    benchmark:
        f"<benchmarks>/ablation/{SETTINGS.wildcard_pattern}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        **growing(mem_mb=2000, runtime=30),
    params:
        cohort=subpath(input[0], ancestor=2),
        predictions=lambda wildcards, input: [os.path.dirname(path) for path in input.kidneys],
        setting=lambda wildcards: configuration.options(SETTINGS.instance(wildcards)),
        options=options("postprocess", "closing_iterations"),
    shell:
        "python3 {input.script:q} --predictions {params.predictions:q} --cohort {params.cohort:q}"
        " --components {input.components:q} {params.setting:q} {params.options:q} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule ablation:
    input:
        settings=expand("<results>/ablation/{setting}.tsv", setting=SETTINGS.instance_patterns),
        script=script("summarize_ablation"),
        modules=modules(
            "summary", "settings", "statistics", "figures/ablation", "figures/__init__", "scoring", "tables"
        ),
    output:
        table=report(
            "<results>/ablation.tsv",
            caption="../report/ablation_table.rst",
            category="3. Ablation",
            labels={"what": "Dice under each setting (table)"},
        ),
        figure=report(
            "<results>/figures/ablation.png",
            caption="../report/ablation.rst",
            category="3. Ablation",
            labels={"what": "each constraint off, and sweeps"},
        ),
        vector="<results>/figures/ablation.svg",
    log:
        "<logs>/ablation.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        options=options("statistics", "seed"),
    shell:
        "python3 {input.script:q} --settings {input.settings:q} {params.options:q} --output {output.table:q}"
        " --figure {output.figure:q} {output.vector:q} 2>&1 | tee {log:q}"
