rule train:
    input:
        slices=slices_of(TRAINING_CASES),
        split="<results>/split.tsv",
        script=script("train"),
        modules=modules("training", "unet", "models", "slices"),
    output:
        model="<results>/models/{target}.pt",
        record="<results>/models/{target}.json",
    log:
        "<logs>/train/{target}.log",
    benchmark:
        "<benchmarks>/train/{target}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["cpu_threads"]
    resources:
        gpu=1,
    params:
        slices=subpath(input[0], ancestor=2),
        options=options("network")
        + options("training")
        + options("slices", "hu_window")
        + ["--device", config["device"]],
    shell:
        "python3 {input.script:q} --target {wildcards.target} --split {input.split:q} --slices {params.slices:q}"
        " --output {output.model:q} {params.options:q} --threads {threads} 2>&1 | tee {log:q}"


rule plot_training:
    input:
        record="<results>/models/{target}.json",
        script=script("plot_training"),
        modules=modules("figures"),
    output:
        report(
            "<results>/models/{target}_training.png",
            caption="../report/training.rst",
            category="Training",
            labels={"network": "{target}"},
        ),
    log:
        "<logs>/plot_training/{target}.log",
    conda:
        "../../envs/imaging.yaml"
    shell:
        "python3 {input.script:q} --record {input.record:q} --output {output:q} 2>&1 | tee {log:q}"


rule predict:
    input:
        slices=slices_of(["{case}"]),
        kidney="<results>/models/kidney.pt",
        tumor="<results>/models/tumor.pt",
        script=script("predict"),
        modules=modules("models", "unet", "slices", "nifti"),
    output:
        kidney="<results>/predictions/{case}/kidney.nii.gz",
        tumor="<results>/predictions/{case}/tumor.nii.gz",
    log:
        "<logs>/predict/{case}.log",
    benchmark:
        "<benchmarks>/predict/{case}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["cpu_threads"]
    resources:
        gpu=1,
    params:
        slices=subpath(input[0], parent=True),
        options=options("inference") + ["--device", config["device"]],
    shell:
        "python3 {input.script:q} --slices {params.slices:q} --kidney-model {input.kidney:q} --tumor-model {input.tumor:q}"
        " --kidney {output.kidney:q} --tumor {output.tumor:q} {params.options:q} --threads {threads}"
        " 2>&1 | tee {log:q}"
