# Predictions and labels in two folders, and the helpers of the rules that need nothing else.
def parse_evaluated(entry):
    """Make a method from its entry, or from the folder of the labels; they share what `evaluate.labels` says."""
    return methods.parse_method(entry, locate, config["evaluate"]["labels"])


EVALUATED = {name: parse_evaluated(entry) for name, entry in config["evaluate"]["predictions"].items()}
TRUTH = parse_evaluated(config["evaluate"]["truth"]) if config["evaluate"]["truth"] else None
TRUE_CASES = methods.list_cases(TRUTH) if TRUTH and TRUTH.folder.is_dir() else {}


def match_evaluated():
    """Match the cases of each method with the labels.

    Returns three mappings by the method's name: what it has of each case with a label, why cases of it are left out, and
    its cases without a label.
    """
    matched, left_out, unknown = {}, {}, {}
    for name, method in EVALUATED.items() if TRUE_CASES else ():
        matched[name], unknown[name] = methods.match_cases(TRUE_CASES, method)
        problems = {case: methods.explain_unusable(case, TRUE_CASES[case], one) for case, one in matched[name].items()}
        left_out[name] = {case: problem for case, problem in problems.items() if problem}
    return matched, left_out, unknown


PREDICTED_CASES, LEFT_OUT, UNKNOWN_CASES = match_evaluated()


def require_evaluation(wildcards):
    """Return no file; if there is nothing to evaluate, end with an error when jobs are planned."""
    if not TRUTH or not EVALUATED:
        errors.fail(
            "evaluate: name the folder of the labels and those of the predictions: "
            "--config evaluate='{truth: labels, predictions: {nnunet: nnunet_out}}'"
        )
    folders = {"truth": TRUTH} | {f"predictions.{name}": method for name, method in EVALUATED.items()}
    problems = [
        f"evaluate.{name}: there is no folder {method.folder}"
        for name, method in folders.items()
        if not method.folder.is_dir()
    ]
    if not problems and not TRUE_CASES:
        example = methods.find_segmentations(TRUTH, "<case>").problem
        problems = [f"evaluate.truth: there is no case: {example}"]
    found = {"truth": TRUE_CASES} | {f"predictions.{name}": matched for name, matched in PREDICTED_CASES.items()}
    for name, method in folders.items() if not problems else ():
        if never := methods.list_never_found(method, found[name].values()):
            problems.append(f"evaluate.{name}: no case has a file {never[0]}.nii.gz; correct the name or take it out")
    for name in EVALUATED if TRUE_CASES and not problems else ():
        if len(LEFT_OUT[name]) == len(TRUE_CASES):
            first, others = next(iter(TRUE_CASES)), f"; it has {', '.join(UNKNOWN_CASES[name][:5])}"
            reason = PREDICTED_CASES[name][first].problem or LEFT_OUT[name][first]
            problems.append(
                f"evaluate.predictions.{name}: none of {len(TRUE_CASES)} cases can be used; {first}: "
                f"{reason}{others if UNKNOWN_CASES[name] else ''}"
            )
    if problems:
        errors.fail("\n".join(problems))
    return []


def expand_evaluated(file):
    """List a file for each case of each method that can be evaluated."""
    return [
        f"<results>/evaluation/{name}/{case}/{file}"
        for name, found in PREDICTED_CASES.items()
        for case in found
        if case not in LEFT_OUT[name]
    ]


def describe_evaluated(wildcards):
    """List the command-line options that say how the files of a case's label and prediction are read."""
    truth, prediction = TRUE_CASES[wildcards.case], PREDICTED_CASES[wildcards.method][wildcards.case]
    return describe_segmentation("truth", TRUTH, truth) + describe_segmentation(
        "prediction", EVALUATED[wildcards.method], prediction
    )


def stamp_evaluated(wildcards):
    """Stamp the files of a case's label and prediction, which may be replaced by older ones."""
    found = TRUE_CASES[wildcards.case], PREDICTED_CASES[wildcards.method][wildcards.case]
    return [scan_folder.stamp_files(Path(path)) for one in found for path in one.files]


def list_unmatched_options():
    """List the command-line options that name what is in one folder and not in the other."""
    options = []
    for name in EVALUATED:
        for case, problem in LEFT_OUT.get(name, {}).items():
            options += ["--left-out", name, case, problem]
        if UNKNOWN_CASES.get(name):
            options += ["--unknown", name, *UNKNOWN_CASES[name]]
    return options
