"""Runs another engine for `earshot bench --peers`: a line of JSON with what to do comes in, a line for each answer goes out."""
import json
import os
import sys
import time

# Libraries may write to standard output; answers have a copy of it.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
os.dup2(2, 1)


def answer(**values):
    answers.write(json.dumps(values) + "\n")
    answers.flush()


def samples_of(path):
    import wave

    import numpy
    with wave.open(path, "rb") as recording:
        frames = recording.readframes(recording.getnframes())
    return numpy.frombuffer(frames, dtype="<i2").astype(numpy.float32) / 32768.0


def faster_whisper(task):
    import faster_whisper

    sound = samples_of(task["audio"])
    model = faster_whisper.WhisperModel(
        task["model"], device="cpu", cpu_threads=task["threads"], compute_type=task["setting"], local_files_only=True)

    def run():
        segments, _ = model.transcribe(
            sound, language=task["language"], beam_size=1, best_of=1, temperature=0.0, condition_on_previous_text=False,
            vad_filter=False)
        return "".join(segment.text for segment in segments)

    return faster_whisper.__version__, run


def openvino(task):
    import numpy
    import openvino

    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": task["threads"]}
    if task["setting"] != "auto":
        settings["INFERENCE_PRECISION_HINT"] = task["setting"]
    compiled = core.compile_model(core.read_model(task["model"]), "CPU", settings)
    shape = task["shape"]
    request = compiled.create_infer_request()
    values = numpy.random.default_rng(1).random(shape, dtype=numpy.float32) * 2 - 1

    def run():
        request.infer([values], share_inputs=True, share_outputs=True)
        return ""

    return openvino.__version__, run


def main():
    try:
        task = json.loads(sys.stdin.readline())
        version, run = {"faster-whisper": faster_whisper, "openvino": openvino}[task["engine"]](task)
        answer(version=str(version))
        while sys.stdin.readline().strip() == "run":
            started = time.perf_counter()
            text = run()
            answer(seconds=time.perf_counter() - started, text=text)
    except ImportError as error:
        print(error, file=sys.stderr)
        answer(missing=str(error.name))
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        answer(error=type(error).__name__)


main()
