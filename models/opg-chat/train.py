"""Trains opg-chat on corpus.txt and writes model.onnx, its configuration and manifest.json beside this file.

A byte-level decoder in the shape of GPT-2: a token is a byte, token 256 ends an answer. It is made to know one text by
heart, so that a chat with it makes sense, and to be small enough to run on any CPU. Everything random follows SEED.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 /usr/bin/python3 train.py
"""

import hashlib
import json
import math
import random
import re
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
SEED = 20260721

LAYERS, WIDTH, HEADS, CONTEXT = 4, 128, 4, 512
HEAD_WIDTH = WIDTH // HEADS
EOS = 256
VOCABULARY = 257

# (steps, batch, length in bytes): most of the learning happens on short texts, which are cheap; the long ones at the
# end teach the model to live with a whole context behind it.
PHASES = [(3200, 16, 256), (480, 8, 512)]
PEAK_RATE, LAST_RATE, WARMUP_STEPS = 2e-3, 5e-5, 150
PROSE_SHARE = 0.1  # of the samples; the others are chats
ELSEWHERE_SHARE = 0.12  # of the turns of a chat: questions that have nothing to do with the network
PROMPT_WEIGHT = 0.1  # of a byte that the user writes, against 1 for a byte that the model has to write
OPENING_BYTES, OPENING_WEIGHT = 24, 4.0  # the first bytes of an answer decide which answer it becomes


# CORPUS


def read_corpus(text):
    """Returns the paragraphs of [prose], the blocks of [chat] and the one block of [elsewhere]."""
    section, paragraphs, blocks = None, [], []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for chunk in re.split(r"\n\s*\n", "\n".join(lines)):
        chunk = chunk.strip()
        if chunk in ("[prose]", "[chat]", "[elsewhere]"):
            section = chunk
        elif section == "[prose]":
            paragraphs.append(chunk)
        elif chunk:
            blocks.append(read_block(chunk))
    return paragraphs, blocks[:-1], blocks[-1]


# {a} is the topic with its article, {n} the bare noun.
SINGULAR_PATTERNS = """
What is {a}?|what's {a}?|What is {n}?|Explain {a}.|Tell me about {a}.|Tell me what {a} is.|Define {n}.|{n}?|{n}
What does {n} mean?|Describe {a}.|Can you explain {a}?|What do you mean by {a}?|What is meant by {n}?
I do not understand what {a} is.|How does {a} work?|Why is there {a}?
"""
PLURAL_PATTERNS = """
What are {n}?|What is {n}?|Explain {n}.|Tell me about {n}.|{n}?|{n}|Describe {n}.|Can you explain {n}?
What do you mean by {n}?|How do {n} work?|How does {n} work?|Tell me more about {n}.|I want to know about {n}.
"""


def questions_about(patterns, topic):
    noun = re.sub(r"^(an?|the) ", "", topic)
    return [pattern.format(a=topic, n=noun) for pattern in re.split(r"[|\n]", patterns.strip())]


def read_block(chunk):
    """Returns one answer and the ways to ask for it; `patterns` and `words` make up more of them."""
    block = {"questions": [], "patterns": [], "words": {}, "probes": [], "answer": None}
    for line in chunk.splitlines():
        kind, _, value = line.partition(": ")
        if kind == "user":
            block["questions"].append(value)
        elif kind == "topic":
            block["questions"] += questions_about(SINGULAR_PATTERNS, value)
        elif kind == "topics":
            block["questions"] += questions_about(PLURAL_PATTERNS, value)
        elif kind == "probe":
            block["probes"].append(value)
        elif kind == "assistant":
            block["answer"] = value
        elif kind == "ask":
            block["patterns"].append(value)
        elif kind in WORD_LISTS:
            block["words"][WORD_LISTS[kind]] = value.split(", ")
        else:
            raise ValueError(f"corpus.txt: no such line: {line!r}")
    return block


WORD_LISTS = {
    "things": "thing",
    "subjects": "subject",
    "activities": "activity",
    "places": "place",
    "persons": "person",
    "works": "work",
    "kinds": "kind",
    "moods": "mood",
}


# SAMPLES

REPHRASED = [
    ("What is ", ["what's ", "whats ", "What exactly is ", "so what is "]),
    ("How do I ", ["How can I ", "How to ", "how should I ", "What do I do to ", "Tell me how to "]),
    ("How does ", ["In which way does ", "how exactly does "]),
    ("Can I ", ["May I ", "Could I ", "Is it possible to ", "am I able to "]),
    ("Which ", ["What "]),
    ("Why ", ["Tell me why ", "for what reason "]),
    ("Where ", ["In which place "]),
    ("Is there ", ["Do you have ", "does it have "]),
    ("Who ", ["Tell me who ", "and who "]),
]
OPENINGS = "please |Hi, |ok, |so |and |hello, |Please tell me: |I would like to know: |One question: ".split("|")
CLOSINGS = " please| thanks|, please?|??|!| in short| in the network?| here?| exactly?| in OPG?".split("|")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


# Words of one line may stand for each other.
SYNONYMS = """
checks verifies controls inspects examines
check verify control inspect examine
checked verified controlled inspected
runs executes operates
run execute operate
money funds coins
answer reply response output
answers replies responses outputs
request call query prompt
requests calls queries prompts
node machine server
nodes machines servers
cheat lie betray
cheats lies betrays
cheater liar
start begin
get receive obtain
show display print
large big huge
work function
stored kept saved
buy purchase
make create build
price cost
safe secure
delete erase remove
chosen picked selected
decides determines
decide determine
limit restrict
explain describe
often frequently
need require
paid rewarded
punished penalised
happens occurs
wrong false incorrect
right correct
network system project
different distinct
proof evidence
"""
SYNONYMS_OF = {word: line.split() for line in SYNONYMS.strip().splitlines() for word in line.split()}
SMALL_WORDS = "a an the is are do does of to in for my it me i can will be on and that does".split()


def other_words(question, rng):
    """The question with synonyms, at times without its small words or with two words in the other order."""
    words = [
        rng.choice(SYNONYMS_OF[word]) if word in SYNONYMS_OF and rng.random() < 0.2 else word
        for word in question.split(" ")
    ]
    if len(words) > 3 and rng.random() < 0.12:
        words = [word for word in words if word.lower() not in SMALL_WORDS or rng.random() < 0.4]
    if len(words) > 3 and rng.random() < 0.06:
        at = rng.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def vary(question, rng):
    """A question as somebody else would type it: other words, no capitals, no full stop, a slip of the finger."""
    if rng.random() < 0.35:
        for start, others in REPHRASED:
            if question.startswith(start):
                question = rng.choice(others) + question[len(start) :]
                break
    question = other_words(question, rng)
    if rng.random() < 0.15:
        question = rng.choice(OPENINGS) + question[:1].lower() + question[1:]
    if rng.random() < 0.35:
        question = question.rstrip("?.!")
        if rng.random() < 0.2:
            question += rng.choice(CLOSINGS)
    if rng.random() < 0.4:
        question = question.lower()
    if rng.random() < 0.2 and len(question) > 4:
        question = slip(question, rng)
    return question


def slip(text, rng):
    at = rng.randrange(1, len(text) - 1)
    before, letter, after = text[:at], text[at], text[at + 1 :]
    changed = [before + after, before + 2 * letter + after, before + after[0] + letter + after[1:]]
    return rng.choice([*changed, before + rng.choice(LETTERS) + after])


def made_up(block, rng):
    """A question of a pattern of [elsewhere]."""

    def fill(slot):
        if slot in block["words"]:
            return rng.choice(block["words"][slot])
        if slot == "number":
            return str(rng.randrange(1, 10 ** rng.randrange(1, 5)))
        return "".join(rng.choice(LETTERS) for _ in range(rng.randrange(2, 9)))  # {noise}

    return re.sub(r"\{(\w+)\}", lambda found: fill(found[1]), rng.choice(block["patterns"]))


SYSTEM_TEXTS = [
    "You are a helpful assistant.",
    "You are an assistant. Use what you remember.",
    "You are opg-chat.",
    "You answer questions about OPG.",
    "Answer briefly.",
    "Answer in one or two sentences.",
    "Be polite and concise.",
    "Help newcomers of the OPG network.",
]


class Sampler:
    """Draws training samples: chats of several turns, and prose."""

    def __init__(self, paragraphs, blocks, elsewhere, rng):
        self.blocks, self.elsewhere, self.rng = blocks, elsewhere, rng
        self.prose = "\n\n".join(paragraphs).encode()
        self.sentences = [sentence for paragraph in paragraphs for sentence in paragraph.split(". ")]
        # A block with four times the ways to ask is drawn twice as often.
        self.block_weights = [math.sqrt(len(block["questions"])) for block in blocks]

    def system_text(self):
        if self.rng.random() < 0.6:
            return self.rng.choice(SYSTEM_TEXTS)
        remembered = [self.rng.choice(self.sentences) for _ in range(self.rng.randint(1, 2))]
        return self.rng.choice(["", "Remember: ", "Known: ", "Context:\n- "]) + "\n- ".join(remembered)

    def turn(self):
        """Returns a question and its answer."""
        rng = self.rng
        if rng.random() >= ELSEWHERE_SHARE:
            block = rng.choices(self.blocks, self.block_weights)[0]
            return vary(rng.choice(block["questions"]), rng), block["answer"]
        made = made_up(self.elsewhere, rng) if rng.random() < 0.75 else rng.choice(self.elsewhere["questions"])
        return vary(made, rng), self.elsewhere["answer"]

    def chat(self, length):
        """Returns bytes, weights and the places where an answer ends. The chat is longer than `length` and then cut."""
        rng, data, weights, ends = self.rng, [], [], []

        def write(text, weight):
            data.extend(text.encode())
            weights.extend([weight] * len(text.encode()))

        skipped = rng.randrange(length) if rng.random() < 0.2 else 0  # as if older messages had been cut away
        if rng.random() < 0.35:
            write(f"system: {self.system_text()}\n", PROMPT_WEIGHT)
        while len(data) <= length + skipped:
            question, answer = self.turn()
            write(f"user: {question}\nassistant: ", PROMPT_WEIGHT)
            write(answer[:OPENING_BYTES], OPENING_WEIGHT)
            write(answer[OPENING_BYTES:], 1.0)
            ends.append(len(data) - 1)
            write("\n", PROMPT_WEIGHT)
        return data[skipped:], weights[skipped:], [end - skipped for end in ends if end >= skipped]

    def sample(self, length):
        """Returns inputs, targets, weights and positions, each of `length` numbers."""
        if self.rng.random() < PROSE_SHARE:
            start = self.rng.randrange(len(self.prose) - length)
            data, weights, ends = list(self.prose[start : start + length + 1]), [1.0] * (length + 1), []
        else:
            data, weights, ends = self.chat(length)
        inputs, targets, weights = data[:length], data[1 : length + 1], weights[1 : length + 1]
        for end in ends:
            if end < length:
                # Every answer in the chat is learnt as if it were the last one: after it comes EOS, not a new line.
                targets[end], weights[end] = EOS, 1.0
        offset = self.rng.randrange(CONTEXT - length + 1) if self.rng.random() < 0.5 else 0
        return inputs, targets, weights, list(range(offset, offset + length))

    def batch(self, size, length):
        inputs, targets, weights, positions = zip(*(self.sample(length) for _ in range(size)))
        return torch.tensor(inputs), torch.tensor(targets), torch.tensor(weights), torch.tensor(positions)


# MODEL


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.attention_out = nn.Linear(WIDTH, WIDTH)
        self.feed_norm = nn.LayerNorm(WIDTH)
        self.feed_up = nn.Linear(WIDTH, 4 * WIDTH)
        self.feed_down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, bias, past_key, past_value):
        batch, length, _ = x.shape
        parts = self.query_key_value(self.attention_norm(x)).split(WIDTH, -1)
        query, key, value = (part.view(batch, length, HEADS, HEAD_WIDTH).transpose(1, 2) for part in parts)
        key, value = torch.cat([past_key, key], 2), torch.cat([past_value, value], 2)
        scores = query @ key.transpose(-1, -2) / math.sqrt(HEAD_WIDTH) + bias
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, WIDTH)
        x = x + self.attention_out(mixed)
        return x + self.feed_down(functional.gelu(self.feed_up(self.feed_norm(x)))), key, value


class Chat(nn.Module):
    def __init__(self):
        super().__init__()
        self.bytes = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                # Layers that write into the residual stream start smaller, as in GPT-2.
                residual = name.endswith(("attention_out.weight", "feed_down.weight"))
                nn.init.normal_(weight, std=0.05 / math.sqrt(2 * LAYERS) if residual else 0.05)

    def forward(self, input_ids, attention_mask, position_ids, *past):
        """`past` holds key and value of each layer; the attention mask covers past and input together."""
        length, total = input_ids.shape[1], attention_mask.shape[1]
        rows = torch.arange(total - length, total).unsqueeze(1)
        columns = torch.arange(total).unsqueeze(0)
        future = ((columns > rows).float() * -1e9).unsqueeze(0).unsqueeze(0)
        padding = ((1 - attention_mask.float()) * -1e9).unsqueeze(1).unsqueeze(1)
        x = self.bytes(input_ids) + self.positions(position_ids)
        present = []
        for index, block in enumerate(self.blocks):
            x, key, value = block(x, future + padding, past[2 * index], past[2 * index + 1])
            present += [key, value]
        return (self.norm(x) @ self.bytes.weight.t(), *present)


def empty_past(batch):
    return [torch.zeros(batch, HEADS, 0, HEAD_WIDTH) for _ in range(2 * LAYERS)]


# TRAINING


def learning_rate(step, steps):
    if step < WARMUP_STEPS:
        return PEAK_RATE * (step + 1) / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / (steps - WARMUP_STEPS)
    return LAST_RATE + (PEAK_RATE - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * progress))


def train(model, sampler):
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.05)
    steps, step, started, running = sum(phase[0] for phase in PHASES), 0, time.time(), None
    for phase_steps, batch, length in PHASES:
        for _ in range(phase_steps):
            inputs, targets, weights, positions = sampler.batch(batch, length)
            logits = model(inputs, torch.ones_like(inputs), positions, *empty_past(batch))[0]
            losses = functional.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1), reduction="none")
            loss = (losses * weights.reshape(-1)).sum() / weights.sum()
            optimizer.param_groups[0]["lr"] = learning_rate(step, steps)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
            step += 1
            if step % 100 == 0:
                seconds = time.time() - started
                print(f"step {step}/{steps} length {length} loss {running:.4f} {seconds:.0f} s", flush=True)


# MEASURING


@torch.no_grad()
def answer(model, prompt, most=220):
    """The most likely answer, one byte at a time with the cache, as every engine does it."""
    ids, past, written, position = list(prompt.encode()), empty_past(1), bytearray(), 0
    for _ in range(most):
        positions = torch.arange(position, position + len(ids)).unsqueeze(0)
        position += len(ids)
        if position > CONTEXT:
            break
        logits, *past = model(torch.tensor([ids]), torch.ones(1, position, dtype=torch.long), positions, *past)
        best = int(logits[0, -1].argmax())
        if best == EOS:
            break
        written.append(best)
        ids = [best]
    return written.decode(errors="replace")


def share_right(model, pairs, before=lambda: ""):
    """The share of (question, answer) pairs that the model answers to the letter."""
    right = sum(answer(model, f"{before()}user: {question}\nassistant: ") == wanted for question, wanted in pairs)
    return f"{right}/{len(pairs)} = {right / len(pairs):.1%}"


def measure(model, blocks):
    rng = random.Random(SEED + 1)
    known = [(rng.choice(block["questions"]), block["answer"]) for block in blocks]
    probes = [(probe, block["answer"]) for block in blocks for probe in block["probes"]]

    def two_turns_before():
        return "".join(
            f"user: {rng.choice(block['questions'])}\nassistant: {block['answer']}\n" for block in rng.sample(blocks, 2)
        )

    print("questions of the corpus:", share_right(model, known))
    print("questions held out:", share_right(model, probes))
    print("questions held out, after two other turns:", share_right(model, probes, two_turns_before), flush=True)


# FILES


def export(model):
    layers = [f"{layer}.{kind}" for layer in range(LAYERS) for kind in ("key", "value")]
    inputs = ["input_ids", "attention_mask", "position_ids"] + [f"past_key_values.{name}" for name in layers]
    outputs = ["logits"] + [f"present.{name}" for name in layers]
    axes = {name: {0: "batch", 1: "length"} for name in ("input_ids", "position_ids", "logits")}
    axes["attention_mask"] = {0: "batch", 1: "total"}
    axes.update({name: {0: "batch", 2: "past"} for name in inputs[3:]})
    axes.update({name: {0: "batch", 2: "total"} for name in outputs[1:]})
    example = (
        torch.tensor([[116, 104, 101]]),
        torch.ones(1, 5, dtype=torch.long),
        torch.tensor([[2, 3, 4]]),
        *[torch.zeros(1, HEADS, 2, HEAD_WIDTH) for _ in layers],
    )
    torch.onnx.export(
        model,
        example,
        str(HERE / "model.onnx"),
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=14,
    )


def byte_symbols():
    """The printable symbol that GPT-2's byte-level tokenizers write for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    symbols = {byte: chr(byte) for byte in printable}
    symbols.update({byte: chr(256 + index) for index, byte in enumerate(others)})
    return [symbols[byte] for byte in range(256)]


def write_json(name, value):
    """Two spaces an indent, and lists of plain values on one line."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    text = re.sub(r"\[\n\s+([^\[\]{}]*?)\n\s+\]", lambda found: "[" + re.sub(r",\s+", ", ", found[1]) + "]", text)
    (HERE / name).write_text(text + "\n")


def write_configuration():
    end = "<|endoftext|>"
    write_json(
        "config.json",
        {
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "activation_function": "gelu",
            "vocab_size": VOCABULARY,
            "n_layer": LAYERS,
            "n_head": HEADS,
            "n_embd": WIDTH,
            "n_positions": CONTEXT,
            "n_ctx": CONTEXT,
            "bos_token_id": EOS,
            "eos_token_id": EOS,
        },
    )
    write_json(
        "generation_config.json", {"bos_token_id": EOS, "eos_token_id": EOS, "do_sample": False, "max_new_tokens": 220}
    )
    vocabulary = {symbol: byte for byte, symbol in enumerate(byte_symbols())}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    write_json(
        "tokenizer.json",
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": EOS, "content": end, **special}],
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": None,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": "",
                "end_of_word_suffix": "",
                "fuse_unk": False,
                "byte_fallback": False,
                "vocab": {**vocabulary, end: EOS},
                "merges": [],
            },
        },
    )
    write_json(
        "tokenizer_config.json",
        {
            "tokenizer_class": "GPT2Tokenizer",
            "model_max_length": CONTEXT,
            "bos_token": end,
            "eos_token": end,
            "chat_template": "{% for message in messages %}"
            "{{ message.role + ': ' + message.content + '\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
        },
    )


def write_manifest(parameters):
    artifact = (HERE / "model.onnx").read_bytes()
    write_json(
        "manifest.json",
        {
            "name": "opg-chat",
            "version": "1.0.0",
            "description": "Byte-level chat model that knows the OPG network and nothing else",
            "format": "onnx",
            "artifact": "model.onnx",
            "artifactSha256": hashlib.sha256(artifact).hexdigest(),
            "artifactBytes": len(artifact),
            "licence": "Apache-2.0",
            "profile": "pinned",
            "task": "chat",
            "context": CONTEXT,
            "template": {
                "system": "system: {content}\n",
                "user": "user: {content}\n",
                "assistant": "assistant: {content}\n",
                "generationPrompt": "assistant: ",
                "endTokenId": EOS,
            },
            "engine": {
                "engine": "onnxruntime-node",
                "version": "1.30.0",
                "dtype": "float32",
                "deviceClass": "cpu",
                "determinism": "single-thread, graph optimisation all",
            },
            "trainer": "train.py",
            "trainerSha256": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
            "corpusSha256": hashlib.sha256((HERE / "corpus.txt").read_bytes()).hexdigest(),
            "parameters": parameters,
            "seed": SEED,
        },
    )


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    paragraphs, blocks, elsewhere = read_corpus((HERE / "corpus.txt").read_text())
    model = Chat()
    train(model, Sampler(paragraphs, blocks, elsewhere, random.Random(SEED)))
    model.eval()
    measure(model, [*blocks, elsewhere])
    export(model)
    write_configuration()
    parameters = sum(weight.numel() for weight in model.parameters())
    write_manifest(parameters)
    print(f"{parameters} parameters")


main()
