#!/usr/bin/env python3
"""Makes the weights of the detector's model from labelled prompts.

  cargo run -p sessionmill-verification --example features < LABELLED/prompts.jsonl > features.jsonl
  train.py LABELLED/prompts.jsonl features.jsonl WEIGHTS [--folds 10] [--rounds 6]

The weights are those of a logistic regression over all sentences of labelled prompts but those that are refused: these are
never taken for a claim. Before they are written, the same regression is
tried by cross-validation: whole sessions are held out, by turns, so that no prompt is judged by weights that its
own session took part in. These are the figures to quote. A second row holds out whole publishers.

Needs numpy. The same labels and features give the same weights, letter by letter.
"""
import argparse, collections, json, random, re
import numpy

# How much a weight is pulled to nothing: constructions are rare and say much, cues are many and say little.
CONSTRUCTION, CUE, BIAS = 1.0, 8.0, 0.001
# Features that fewer sentences have, or the sentences of one publisher alone, weigh nothing.
SENTENCES, PUBLISHERS = 6, 2
# What a label that can be argued about counts.
UNSURE = 0.6
# Where the rules hear something, too, this likelihood is enough: `RULED` of the model.
RULED = 0.20

options = argparse.ArgumentParser()
options.add_argument("prompts")
options.add_argument("features")
options.add_argument("weights")
options.add_argument("--folds", type=int, default=10)
options.add_argument("--rounds", type=int, default=6)
options.add_argument("--wrong", action="store_true", help="print what is taken for a claim, and is not labelled")
options = options.parse_args()


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def share(a, b):
    return len(a & b) / max(1, min(len(a), len(b)))


def is_quoted(sentence, quote):
    sentence, quote = " ".join(sentence.split()), " ".join(quote.split())
    if sentence in quote or quote in sentence:
        return True
    a, b = words(sentence), words(quote)
    return share(a, b) >= 0.6 and len(a & b) >= 3


prompts, sentences = lines(options.prompts), lines(options.features)
kinds = {name: kind for sentence in sentences[:1] for name, kind in sentence["all"]}
refusals = {name for name, kind in kinds.items() if kind == "refusal"}
sentences = [sentence for sentence in sentences[1:] if not refusals & set(sentence["features"])]
labels = [[claim for claim in prompts[s["prompt"]]["claims"] if is_quoted(s["text"], claim["quote"])] for s in sentences]
truth = numpy.array([float(bool(found)) for found in labels])
trust = numpy.array([UNSURE if found and not any(claim["sure"] for claim in found) else 1.0 for found in labels])
publisher = [prompts[sentence["prompt"]]["user"] for sentence in sentences]
session = [f"{prompts[s['prompt']]['user']}/{prompts[s['prompt']]['file']}" for s in sentences]

having, publishers = collections.Counter(), collections.defaultdict(set)
for sentence, who in zip(sentences, publisher):
    for name in sentence["features"]:
        having[name] += 1
        publishers[name].add(who)
names = [name for name in kinds if having[name] >= SENTENCES and len(publishers[name]) >= PUBLISHERS]
column = {name: at for at, name in enumerate(names)}
table = numpy.zeros((len(sentences), len(names) + 1))
table[:, -1] = 1
for row, sentence in enumerate(sentences):
    for name in sentence["features"]:
        if name in column:
            table[row, column[name]] = 1
is_ruled = [any(name.startswith("rules say") for name in sentence["features"]) for sentence in sentences]
pull = numpy.array([CONSTRUCTION if kinds[name] == "construction" else CUE for name in names] + [BIAS])


def likely(table, weights):
    return 1 / (1 + numpy.exp(-table @ weights))


def fit(rows):
    x, y, w = table[rows], truth[rows], trust[rows]
    weights = numpy.zeros(x.shape[1])
    for _ in range(30):
        p = likely(x, weights)
        slope = x.T @ (w * (p - y)) + pull * weights
        curve = (x * (w * p * (1 - p))[:, None]).T @ x + numpy.diag(pull)
        step = numpy.linalg.solve(curve, slope)
        weights -= step
        if abs(step).max() < 1e-9:
            break
    return weights


def held_out(groups, folds, seed):
    order = sorted(set(groups))
    random.Random(seed).shuffle(order)
    fold = numpy.array([order.index(group) % folds for group in groups])
    found = numpy.zeros(len(sentences))
    for number in range(folds):
        rest = fold != number
        if (~rest).any():
            found[~rest] = likely(table[~rest], fit(rest))
    return found


def score(found, threshold):
    """Claims, those that are right, and the share of sure labels that is heard, as `check.py` counts them."""
    claims = []
    for at, sentence in enumerate(sentences):
        if found[at] < (min(RULED, threshold) if is_ruled[at] else threshold):
            continue
        if claims and claims[-1][0] == sentence["prompt"] and claims[-1][2] == at - 1:
            claims[-1][1] += " " + sentence["text"]
            claims[-1][2] = at
        else:
            claims.append([sentence["prompt"], sentence["text"], at])
    right, heard = 0, set()
    for prompt, text, _ in claims:
        hits = [c for c in prompts[prompt]["claims"] if share(words(text), words(c["quote"])) >= 0.5]
        right += bool(hits)
        heard |= {(prompt, claim["quote"]) for claim in hits if claim["sure"]}
        if options.wrong and not hits:
            print(f"  {prompt}: {text[:160]!r}")
    return len(claims), right, len(heard)


sure = sum(claim["sure"] for prompt in prompts for claim in prompt["claims"])
by_session = [held_out(session, options.folds, seed) for seed in range(options.rounds)]
by_publisher = held_out(publisher, len(set(publisher)), 0)
options.wrong, wrong = False, options.wrong
print(f"{len(sentences)} sentences, {int(truth.sum())} labelled, {len(names)} features, {sure} sure labels")
print("held out      threshold  claims  precision  recall")
for threshold in (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8):
    claims, right, heard = numpy.mean([score(found, threshold) for found in by_session], axis=0)
    print(f"sessions      {threshold:9.2f} {claims:7.1f} {right / max(1, claims):10.2f} {heard / sure:7.2f}")
for threshold in (0.3, 0.35, 0.4, 0.5):
    claims, right, heard = score(by_publisher, threshold)
    print(f"publishers    {threshold:9.2f} {claims:7.1f} {right / max(1, claims):10.2f} {heard / sure:7.2f}")
print("how right a likelihood is, held out:")
for low, high in ((0, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 0.75), (0.75, 1.01)):
    inside = [truth[(found >= low) & (found < high)] for found in by_session]
    of = numpy.concatenate(inside)
    print(f"  {low:.2f} to {min(high, 1):.2f}: {len(of) / options.rounds:7.1f} sentences, {of.mean() if len(of) else 0:.2f} labelled")
if wrong:
    options.wrong = True
    score(by_session[0], 0.35)
weights = fit(numpy.ones(len(sentences), dtype=bool))
with open(options.weights, "w", encoding="utf-8") as file:
    file.write("# Weights of the model, made by training/train.py: the higher, the more a feature speaks for a claim.\n")
    file.write(f"bias = {weights[-1]:.3f}\n")
    for name, weight in zip(names, weights):
        file.write(f"{name} = {weight:.3f}\n")
