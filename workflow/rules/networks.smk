GPUS = int(config["device"] != "cpu")


rule train:
    input:
        slices=lambda wildcards: slices_of(TRAINED[wildcards.split]),
        split="<results>/{split}split.tsv",
        script=script("train"),
        modules=modules("training", "samples", "unet", "models", "compute", "slices"),
    output:
        model="<results>/{split}models/{target}.pt",
        record="<results>/{split}models/{target}.json",
    log:
        "<logs>/{split}train/{target}.log",
    benchmark:
        "<benchmarks>/{split}train/{target}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["cpu_threads"]
    resources:
        **growing(mem_mb=16000, runtime=240),
        gpu=GPUS,
    params:
        slices=subpath(input[0], ancestor=2),
        options=options("network") + options("training") + options("slices", "hu_window") + compute_options(),
    shell:
        # What asks a whole job to stop must reach the training only, which saves its state, and not what it writes to.
        "trap : TERM INT; "
        "python3 {input.script:q} --target {wildcards.target} --split {input.split:q} --slices {params.slices:q}"
        " --output {output.model:q} {params.options:q} --threads {threads} 2>&1 | (trap '' TERM INT; tee {log:q})"


rule plot_training:
    input:
        record="<results>/{split}models/{target}.json",
        script=script("plot_training"),
        modules=modules("figures/training", "figures/__init__"),
    output:
        report(
            "<results>/{split}models/{target}_training.png",
            caption="../report/training.rst",
            category="8. Training",
            labels={"what": "{target} network"} | SPLIT_LABEL,
        ),
    log:
        "<logs>/{split}plot_training/{target}.log",
    conda:
        "../../envs/imaging.yaml"
    shell:
        "python3 {input.script:q} --record {input.record:q} --output {output:q} 2>&1 | tee {log:q}"


# A job for several cases, since both networks are loaded once in a job; still a file for each case.
BATCHES = [
    (folder, cases) for folder in FOLDERS for cases in batched(TESTED[folder], config["inference"]["cases_per_job"])
]

for number, (folder, cases) in enumerate(BATCHES, 1):

    rule:
        name:
            f"predict_{number}"
        input:
            slices=slices_of(cases),
            kidney=f"<results>/{folder}models/kidney.pt",
            tumor=f"<results>/{folder}models/tumor.pt",
            script=script("predict"),
            modules=modules("models", "unet", "compute", "slices", "nifti"),
        output:
            expand(f"<results>/{folder}predictions/{{case}}/{{target}}.nii.gz", case=cases, target=["kidney", "tumor"]),
        log:
            f"<logs>/predict/{number}.log",
        benchmark:
            f"<benchmarks>/predict/{number}.tsv"
        conda:
            "../../envs/torch.yaml"
        threads: config["cpu_threads"]
        resources:
            **growing(mem_mb=6000, runtime=60),
            gpu=GPUS,
        params:
            cases=cases,
            slices=subpath(input[0], ancestor=2),
            output=subpath(output[0], ancestor=2),
            options=options("inference", "batch_size", "threshold") + compute_options(),
        shell:
            "python3 {input.script:q} --slices {params.slices:q} --cases {params.cases:q} --kidney-model {input.kidney:q}"
            " --tumor-model {input.tumor:q} --output {params.output:q} {params.options:q} --threads {threads}"
            " 2>&1 | tee {log:q}"
