using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Tests.Speakers;

namespace Earshot.Tests.Models;

/// <summary>
/// Predictor, joiner and greedy decoding against transformers, with tiny Parakeets: on what the reference's encoder gave.
/// </summary>
public sealed class TransducerGoldenTests
{
    const int Blank = 256;

    static readonly string s_goldens = TestData.Require("goldens/parakeet-tiny");

    static readonly TransducerNames s_names = new()
    {
        Embedding = "decoder.embedding",
        Lstm = "decoder.lstm",
        Predicted = "decoder.decoder_projector",
        Encoded = "encoder_projector",
        Output = "joint.head",
    };

    public static TheoryData<string, InstructionSet> Models()
    {
        var data = new TheoryData<string, InstructionSet>();
        foreach (var set in Enum.GetValues<InstructionSet>())
        {
            data.Add("rnnt", set);
            data.Add("tdt", set);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Predictor_and_joiner_match_the_reference(string name, InstructionSet set)
    {
        using var weights = new ModelFolder(Path.Combine(s_goldens, name)).OpenWeights();
        using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
        using var backend = new CpuBackend(device);
        var (transducer, root) = (Transducer(name), new Scope(weights));

        float[] projected = Golden(name, "batch.encoder_projected"), predicted = Golden(name, "decoder_projected"),
            joint = Golden(name, "batch.joint_frames0_5");
        var encoded = transducer.ProjectEncoded(backend.Input(Golden(name, "batch.encoded"), new Shape(2, 20, 32)), root);
        Recordings.Near(projected, CpuBackend.Read(encoded), 1e-4 * projected.Max(Math.Abs), $"{name}, encoder's projection, {set}");

        var states = transducer.Shape.CreateStates(backend, rows: 1);
        int[] said = [Blank, 5, 17, 42];
        float[] text =
        [
            .. said.SelectMany(token => CpuBackend.Read(transducer.Predict(backend.Indices([token], new Shape(1)), states, root)).ToArray())
        ];
        Recordings.Near(predicted, text, 1e-4 * predicted.Max(Math.Abs), $"{name}, predictor, {set}");

        // Each of the first six frames of both recordings meets each text.
        var sound = encoded.Slice(1, ..6).Reshape(12, 1, 24);
        var met = transducer.Join(
            backend.Concat([sound, sound, sound, sound], 1), backend.Input(text, new Shape(1, 4, 24)), root); // (12, 4, outputs)
        Recordings.Near(joint, CpuBackend.Read(met), 1e-4 * joint.Max(Math.Abs), $"{name}, joiner, {set}");
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Rows_of_the_predictor_are_texts_of_their_own(string name, InstructionSet set)
    {
        using var weights = new ModelFolder(Path.Combine(s_goldens, name)).OpenWeights();
        using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
        using var backend = new CpuBackend(device) { RowPrecision = RowPrecision.Step };
        var (transducer, root) = (Transducer(name), new Scope(weights));
        int[][] texts = [[Blank, 5, 17], [Blank, 200, 3], [Blank, 17, 5]];
        var together = transducer.Shape.CreateStates(backend, rows: 3);
        float[] rows = [];
        for (int t = 0; t < 3; t++)
        {
            rows = CpuBackend.Read(transducer.Predict(backend.Indices([.. texts.Select(text => text[t])], new Shape(3)), together, root))
                .ToArray();
        }
        for (int r = 0; r < 3; r++)
        {
            var alone = transducer.Shape.CreateStates(backend, rows: 1);
            float[] row = [];
            foreach (int token in texts[r])
                row = CpuBackend.Read(transducer.Predict(backend.Indices([token], new Shape(1)), alone, root)).ToArray();
            Assert.Equal(row, rows[(r * 24)..((r + 1) * 24)]);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Tokens_frames_and_durations_are_the_references(string name, InstructionSet set)
    {
        using var weights = new ModelFolder(Path.Combine(s_goldens, name)).OpenWeights();
        using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
        using var runtime = new CpuModelRuntime(new ModelParts { Transducer = Transducer(name) }, weights, device);
        using var outputs = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_goldens, name, "outputs.json")));
        foreach (var recording in (string[])["a", "b", "batch"])
        {
            var encoded = NpyFile.Read(Path.Combine(s_goldens, name, $"{recording}.encoded.npy"));
            int frames = encoded.Shape[1], item = 0;
            int[] valid = Integers(outputs.RootElement.GetProperty($"{recording}.lengths"), "encoder_frames_valid");
            foreach (var expected in outputs.RootElement.GetProperty(recording).EnumerateArray())
            {
                var sound = encoded.Values.AsMemory(item * frames * 32, valid[item] * 32);
                foreach (int piece in (int[])[valid[item], 1, 5]) Check(expected, await DecodeAsync(runtime, sound, piece), name);
                item++;
            }
            Assert.Equal(valid.Length, item);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Recordings_together_get_what_each_gets_alone(string name, InstructionSet set)
    {
        using var weights = new ModelFolder(Path.Combine(s_goldens, name)).OpenWeights();
        using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
        using var runtime = new CpuModelRuntime(new ModelParts { Transducer = Transducer(name) }, weights, device);
        var random = new Random(7);
        // Some longer than others, some cut, one without a position.
        float[][] sounds =
        [
            .. Enumerable.Range(0, 9).Select(i =>
                Enumerable.Range(0, 32 * (i == 4 ? 0 : 5 + 9 * i)).Select(_ => 4 * random.NextSingle() - 2).ToArray()),
        ];
        var alone = new List<List<TransducerToken>>();
        foreach (var sound in sounds) alone.Add(await DecodeAsync(runtime, sound, 1000));
        Assert.Contains(alone, tokens => tokens.Count > 3);
        for (int round = 0; round < 3; round++)
        {
            int piece = round switch { 0 => 1000, 1 => 3, _ => 7 };
            var together = await Task.WhenAll(sounds.Select(sound => Task.Run(() => DecodeAsync(runtime, sound, piece))));
            for (int i = 0; i < sounds.Length; i++) Assert.Equal(alone[i], together[i]);
        }
    }

    [Theory]
    [InlineData("rnnt")]
    [InlineData("tdt")]
    public async Task One_that_gives_up_or_is_damaged_leaves_the_others_alone(string name)
    {
        using var weights = new ModelFolder(Path.Combine(s_goldens, name)).OpenWeights();
        using var runtime = new CpuModelRuntime(new ModelParts { Transducer = Transducer(name) }, weights);
        var sound = NpyFile.Read(Path.Combine(s_goldens, name, "a.encoded.npy")).Values.AsMemory(0, 19 * 32);
        var expected = await DecodeAsync(runtime, sound, 1000);
        float[] damaged = [.. Enumerable.Repeat(float.NaN, 19 * 32)];
        var broken = Task.Run(() => DecodeAsync(runtime, damaged, 1000));
        var others = Enumerable.Range(0, 6).Select(_ => Task.Run(() => DecodeAsync(runtime, sound, 1000))).ToList();
        var error = await Assert.ThrowsAsync<ModelException>(() => broken);
        Assert.Contains("not a number", error.Message, StringComparison.Ordinal);
        foreach (var other in others) Assert.Equal(expected, await other);
    }

    [Theory]
    [InlineData("rnnt")]
    [InlineData("tdt")]
    public void The_embedding_of_the_blank_is_zero(string name)
    {
        using var weights = new ModelFolder(Path.Combine(s_goldens, name)).OpenWeights();
        Assert.All(weights.Find("decoder.embedding.weight")!.ToFloats()[(Blank * 24)..], value => Assert.Equal(0, value));
    }

    static void Check(JsonElement expected, List<TransducerToken> tokens, string name)
    {
        Assert.Equal(Integers(expected, "tokens"), tokens.Select(token => token.Id));
        Assert.Equal(Integers(expected, "frames"), tokens.Select(token => token.Position));
        Assert.Equal(name == "tdt" ? Integers(expected, "token_durations") : tokens.Select(_ => 1), tokens.Select(token => token.Duration));
        Assert.All(tokens, token => Assert.InRange(token.Logprob, -20, 0));
    }

    static async Task<List<TransducerToken>> DecodeAsync(CpuModelRuntime runtime, ReadOnlyMemory<float> sound, int piece)
    {
        using var stream = runtime.RequireTransducer().Begin();
        var tokens = new List<TransducerToken>();
        for (int first = 0, count; first * 32 < sound.Length; first += count)
        {
            count = Math.Min(piece, (sound.Length / 32) - first);
            tokens.AddRange(await stream.DecodeAsync(sound.Slice(first * 32, count * 32), count));
        }
        return tokens;
    }

    static int[] Integers(
        JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(value => value.GetInt32())];

    static float[] Golden(string model, string file) => NpyFile.Read(Path.Combine(s_goldens, model, $"{file}.npy")).Values;

    static LstmTransducer Transducer(string name) => new()
    {
        Shape = new()
        {
            VocabSize = 257,
            Blank = Blank,
            Durations = name == "tdt" ? [0, 1, 2, 3, 4] : [],
            EncodedWidth = 32,
            Width = 24,
            StateSizes = name == "tdt" ? [24, 24] : [24],
        },
        Names = s_names,
    };
}
