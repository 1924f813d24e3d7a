using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Measuring;
using Earshot.Compute.Quantization;
using Earshot.Models;
using Earshot.Transcription;

namespace Earshot.Tests.Models;

/// <summary>A family made as docs/adding-a-model.md says works in everything, none of which knows it.</summary>
public sealed class AddingAModelTests : IDisposable
{
    static readonly Lazy<bool> s_added = new(() =>
    {
        ModelFamilies.Add(new ToyFamily());
        return true;
    });

    readonly TemporaryFolder _folder = new();

    public AddingAModelTests() => Assert.True(s_added.Value);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_page_shows_the_family_that_is_tested_here()
    {
        var page = File.ReadAllText(Path.Combine(TestData.RepositoryRoot, "docs", "adding-a-model.md"));
        var code = File.ReadAllText(Path.Combine(TestData.RepositoryRoot, "tests", "Earshot.Tests", "Models", "ToyFamily.cs")).TrimEnd();
        Assert.Contains($"```csharp\n{code}\n```", page, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_known_by_its_shapes_and_measured()
    {
        var model = ModelFamilies.Named("toy-small");
        Assert.Contains("toy-small", ModelFamilies.ShapeNames);
        var costs = new ModelCosts(model.Parts, RandomTensors.For(model.Parts));
        // 1,500 positions: the convolution of 80 mels over three frames, two layers of 32 × 64 and back, 29 letters.
        Assert.InRange(costs.Encoder(3000).Flops, 2.0 * 1500 * (32 * 240 + 2 * 2 * 32 * 64), 2.2 * 1500 * (32 * 240 + 2 * 2 * 32 * 64));
    }

    [Fact]
    public async Task It_transcribes_from_a_folder_and_from_its_quantised_copy()
    {
        var source = WriteModel();
        var options = new TranscriptionOptions { WordTimestamps = true };
        var samples = WhisperBase.Samples("jfk.wav");
        using var transcriber = await Transcriber.LoadAsync(source, new TranscriberOptions { Weights = WeightFormat.F32 });
        var heard = await new RecordingTranscriber(transcriber.Recognizer).TranscribeToEndAsync(new MemorySamples(samples), options);
        Assert.NotEmpty(heard.Text);
        Assert.All(heard.Segments, segment => Assert.InRange(
            segment.End.TotalSeconds, segment.Start.TotalSeconds, samples.Length / 16_000.0 + 0.001));

        var target = Path.Combine(_folder.Path, "int8");
        var result = CheckpointQuantizer.Run(source, target, new QuantizationOptions { Format = WeightFormat.Int8 });
        Assert.Equal(5, result.Quantized); // two matrices a layer, and the letters
        using var small = await Transcriber.LoadAsync(target);
        Assert.NotEmpty((await new RecordingTranscriber(small.Recognizer).TranscribeToEndAsync(new MemorySamples(samples), options)).Text);
    }

    [Fact]
    public void A_setting_that_is_not_implemented_is_refused_by_its_name()
    {
        var folder = WriteModel(
            """{"model_type": "toy", "num_mel_bins": 80, "hidden_size": 32, "num_layers": 2, "vocab_size": 29, "activation": "gelu"}""");
        Assert.Contains(
            "'activation' should be \"relu\"", Assert.Throws<CheckpointException>(() => ModelFamilies.Open(folder)).Message,
            StringComparison.Ordinal);
    }

    string WriteModel(string config = """{"model_type": "toy", "num_mel_bins": 80, "hidden_size": 32, "num_layers": 2, "vocab_size": 29}""")
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, "toy")).FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), config);
        var letters = Enumerable.Range(0, 26).ToDictionary(i => ((char)('a' + i)).ToString(), i => i + 3);
        (letters["<pad>"], letters["<unk>"], letters["|"]) = (0, 1, 2);
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(letters));
        var weights = RandomTensors.For(ModelFamilies.Named("toy-small").Parts);
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), weights.Names.Select(name =>
        {
            var tensor = weights.Find(name)!;
            return new TensorToWrite(name, tensor.Type, tensor.Shape, stream =>
            {
                var bytes = new byte[tensor.ByteLength];
                tensor.Read(0, bytes);
                stream.Write(bytes);
            });
        }));
        return folder;
    }
}
