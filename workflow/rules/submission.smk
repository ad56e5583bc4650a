# KiTS19's hidden cases, which have images and no labels, segmented and packed for the challenge.


def require_hidden(wildcards):
    """Return the segmentations of the hidden cases; if one has no image, end with an error when jobs are planned."""
    everyone = [cohort.name_case(number) for number in cohort.KITS19_UNLABELED]
    if absent := [case for case in everyone if case not in HIDDEN]:
        cli.fail(
            f"data.root: {COHORT} has no image of {cohort.format_cases(absent)}, and the challenge takes all "
            f"{len(everyone)}; fetch them with KiTS19's download script"
        )
    return expand("<results>/scans/{scan}/segmentation.nii.gz", scan=everyone)


rule pack_submission:
    input:
        require_models,
        **require_code("pack_submission"),
        segmentations=require_hidden,
    output:
        "<results>/submission.zip",
    log:
        "<logs>/pack_submission.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    shell:
        "python3 {input.script:q} --segmentations {input.segmentations:q} --output {output:q} 2>&1 | tee {log:q}"
