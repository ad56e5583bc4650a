rule plot_pipeline:
    # Drawn once Figure 3 is there, from the rules that led to it.
    input:
        goal=ancient("<results>/figures/fig3.png"),
        script=script("plot_pipeline"),
        modules=modules("figures/pipeline", "figures/__init__"),
    output:
        report(
            "<results>/figures/fig1.png",
            caption="../report/fig1.rst",
            category="5. Method",
            labels={"what": "Fig. 1: the pipeline"},
        ),
    log:
        "<logs>/plot_pipeline.log",
    conda:
        "../../envs/imaging.yaml"
    params:
        edges=lambda wildcards: leading_to("plot_dice"),
    shell:
        "python3 {input.script:q} --edges {params.edges:q} --output {output:q} 2>&1 | tee {log:q}"


rule plot_network:
    input:
        model=f"<results>/{FOLDERS[0]}models/{{target}}.pt",
        script=script("plot_network"),
        modules=modules("figures/network", "figures/__init__", "models", "compute", "unet"),
    output:
        report(
            "<results>/figures/fig2_{target}.png",
            caption="../report/fig2.rst",
            category="5. Method",
            labels={"what": "Fig. 2: the {target} network"},
        ),
    log:
        "<logs>/plot_network/{target}.log",
    conda:
        "../../envs/torch.yaml"
    shell:
        "python3 {input.script:q} --model {input.model:q} --target {wildcards.target} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule plot_surfaces:
    # Which case is drawn follows from the scores, so every case is an input.
    input:
        scores="<results>/scores.tsv",
        kidneys=of_test_cases("<results>/{split}predictions/{case}/kidney.nii.gz"),
        tumors=of_test_cases("<results>/{split}predictions/{case}/tumor.nii.gz"),
        segmentations=of_test_cases("<results>/{split}segmentations/{case}.nii.gz"),
        script=script("plot_surfaces"),
        modules=modules("figures/cases", "figures/__init__", "scoring", "postprocessing", "runs", "tables", "nifti"),
    output:
        report(
            "<results>/figures/fig4.png",
            caption="../report/fig4.rst",
            category="6. Cases",
            labels={"what": "Fig. 4: surfaces before and after"},
        ),
    log:
        "<logs>/plot_surfaces.log",
    conda:
        "../../envs/imaging.yaml"
    resources:
        **growing(mem_mb=2500, runtime=10),
    params:
        run=subpath(input[0], parent=True),
    shell:
        "python3 {input.script:q} --scores {input.scores:q} --run {params.run:q} --output {output:q} 2>&1 | tee {log:q}"


rule plot_slice:
    input:
        slices=lambda wildcards: slices_of([wildcards.case]),
        kidney="<results>/{split}predictions/{case}/kidney.nii.gz",
        tumor="<results>/{split}predictions/{case}/tumor.nii.gz",
        segmentation="<results>/{split}segmentations/{case}.nii.gz",
        script=script("plot_slice"),
        modules=modules("figures/cases", "figures/__init__", "postprocessing", "runs", "slices", "nifti"),
    output:
        report(
            "<results>/{split}figures/slices/{case}.png",
            caption="../report/slice.rst",
            category="6. Cases",
            labels={"what": "{case}"} | SPLIT_LABEL,
        ),
    log:
        "<logs>/{split}plot_slice/{case}.log",
    conda:
        "../../envs/imaging.yaml"
    resources:
        **growing(mem_mb=2500, runtime=10),
    params:
        slices=lambda wildcards: f"{RESULTS}/slices/{wildcards.case}",
        options=options("slices", "hu_window"),
    shell:
        "python3 {input.script:q} --slices {params.slices:q} --kidney {input.kidney:q} --tumor {input.tumor:q}"
        " --segmentation {input.segmentation:q} {params.options:q} --output {output:q} 2>&1 | tee {log:q}"
