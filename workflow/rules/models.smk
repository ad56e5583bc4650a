# The folder models/, which is all that another machine needs to segment scans.


rule pack_model:
    """Complete the folder models/ by a manifest and the range of ratios, so that it can segment scans elsewhere."""
    input:
        networks=expand("<results>/{{split}}models/{network}.safetensors", network=targets.NETWORKS),
        records=expand("<results>/{{split}}models/{network}.json", network=targets.NETWORKS),
        slices=lambda wildcards: expand("<results>/slices/{case}/slices.json", case=COHORT.trained[wildcards.split]),
        measures="<results>/measures.tsv",
        ratio_range=RATIO_RANGE,
    output:
        ratio_range="<results>/{split}models/ratio_range.json",
        manifest=f"<results>/{{split}}models/{manifest.NAME}",
    log:
        "<logs>/{split}pack_model.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("pack_model"),
        source=COHORT.source,
    shell:
        run_script(
            "--slices {input.slices:q} --measures {input.measures:q} --ratio-range {input.ratio_range:q}"
            " --source {params.source} --output {output.manifest:q}"
        )


rule write_model_card:
    """Describe the networks for those who get models/: data, settings, Dice, intended use and limits."""
    input:
        manifest=f"<results>/{{split}}models/{manifest.NAME}",
        dice="<results>/dice.tsv",
    output:
        "<results>/{split}models/README.md",
    log:
        "<logs>/{split}write_model_card.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("write_model_card", template=RESOURCES / "model_card.md"),
        splits=len(COHORT.splits),
    shell:
        run_script(
            "--manifest {input.manifest:q} --dice {input.dice:q} --splits {params.splits}"
            " --template {params.template:q} --output {output:q}"
        )
