using System.Text;
using Earshot.Compute;

namespace Earshot.Checkpoints.Nemo;

/// <summary>NeMo's archives and their settings.</summary>
public sealed class NemoArchiveTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("plain.nemo")]
    [InlineData("gzip.nemo")]
    public void An_archive_has_settings_weights_and_tokenizer(string file)
    {
        var path = TestData.Require($"goldens/torch-checkpoints/{file}");
        Assert.Equal(path, NemoArchive.Find(path));
        using var archive = NemoArchive.Open(path);
        using var settings = archive.ReadConfig();
        Assert.Equal(NemoArchive.ModelType, settings.OptionalText("model_type"));
        Assert.True(settings.Has("target"));
        Assert.Contains(archive.Members, name => name.EndsWith("tokenizer.model", StringComparison.Ordinal));
        var weights = NemoArchive.OpenWeights(path);
        using (weights as IDisposable)
        {
            using var expected = Torch.TorchCheckpoint.Open(TestData.Require("goldens/torch-checkpoints/module.pt"));
            Assert.Equal(expected.Names, weights.Names);
            foreach (var name in expected.Names.Where(name => expected.Find(name)!.Type == DType.F32))
                Assert.Equal(expected.Find(name)!.ToFloats(), weights.Find(name)!.ToFloats());
        }
    }

    [Theory]
    [InlineData("path_escape.nemo", "would lie outside of the archive")]
    [InlineData("symlink.nemo", "links and devices are refused")]
    [InlineData("truncated.nemo", "takes")]
    public void What_is_no_plain_archive_is_refused(string file, string reason)
    {
        var path = TestData.Require($"goldens/torch-checkpoints/refuse/{file}");
        var error = Assert.Throws<CheckpointException>(() => NemoArchive.Open(path));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_with_one_archive_or_what_was_unpacked_is_one()
    {
        var source = TestData.Require("goldens/torch-checkpoints/plain.nemo");
        File.Copy(source, _folder.File("a.nemo"));
        Assert.Equal(_folder.File("a.nemo"), NemoArchive.Find(_folder.Path));
        Assert.Equal(ModelContainer.Nemo, new ModelFolder(_folder.Path).Container);
        File.Copy(source, _folder.File("b.nemo"));
        Assert.Null(NemoArchive.Find(_folder.Path));
        using var archive = NemoArchive.Open(source);
        foreach (var name in archive.Members)
            File.WriteAllBytes(_folder.File(name), archive.ReadMember(name, "is copied"));
        Assert.Equal(_folder.Path, NemoArchive.Find(_folder.Path));
        using var weights = new ModelFolder(_folder.Path).OpenWeights();
        Assert.NotEmpty(weights.Names);
    }

    [Theory]
    [InlineData("plain.nemo", 500)]
    [InlineData("gzip.nemo", 200)]
    public void Damaged_archives_give_checkpoint_errors_only(string file, int rounds)
    {
        var original = File.ReadAllBytes(TestData.Require($"goldens/torch-checkpoints/{file}"));
        var path = _folder.File("damaged.nemo");
        int refused = 0, tried = 0;
        foreach (var random in Fuzzing.Tries(rounds))
        {
            tried++;
            File.WriteAllBytes(path, Mutation.Of(original, random));
            try
            {
                using (NemoArchive.ReadConfig(path)) { }
                var weights = NemoArchive.OpenWeights(path);
                using (weights as IDisposable)
                {
                    foreach (var name in weights.Names) weights.Find(name)!.Read(0, new byte[weights.Find(name)!.ByteLength]);
                }
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, tried / 10, tried - 1);
    }

    [Theory]
    [InlineData("a: 1\nb: text", """{"a":1,"b":"text"}""")]
    [InlineData(
        "a:\n  b: -1.5e-05\n  c: [1, 'two', \"th\\u0072ee\"]\nd: {x: 1, y: []}",
        """{"a":{"b":-1.5E-05,"c":[1,"two","three"]},"d":{"x":1,"y":[]}}""")]
    [InlineData("a:\n- 1\n- - 2\n  - 3\n-\n  b: 4\n  c: 5\n- d: 6\n  e:\n  - 7", """{"a":[1,[2,3],{"b":4,"c":5},{"d":6,"e":[7]}]}""")]
    [InlineData(
        "l:\n- 'on'\n- ''''\n- 'y'\n- on\n- null\n- ~\n- '#'\n- x # why\n- a b\n  c",
        """{"l":["on","'","y",true,null,null,"#","x","a b c"]}""")]
    [InlineData("# first\n---\na: 'it''s\n  two'\nb: \"x\\\n  y\"\nc: [1,\n  2]\n...", """{"a":"it's two","b":"xy","c":[1,2]}""")]
    [InlineData("a:\n  b: 3\nc: ${a.b}\nd: ${model.a.b}\ne: ${x.y}\nf: ${f}", """{"a":{"b":3},"c":3,"d":3,"e":"${x.y}","f":"${f}"}""")]
    [InlineData("a: |\n  one\n  two\nb: >-\n  one\n  two\nc:\nd: ''", """{"a":"one\ntwo\n","b":"one two","c":null,"d":""}""")]
    [InlineData(
        "a: 007\nb: 1.\nc: -\nd: 1e-5\ne: .5\nf: 12:30\ng: nan",
        """{"a":"007","b":1,"c":"-","d":1E-05,"e":0.5,"f":"12:30","g":"nan"}""")]
    public void Settings_are_read_as_they_are_written(string yaml, string json)
    {
        using var expected = System.Text.Json.JsonDocument.Parse(json.Replace("\n", "\\n", StringComparison.Ordinal));
        using var actual = SettingsFile.Parse("t", Yaml.ToJson(Encoding.UTF8.GetBytes(yaml), "t", ("model_type", "nemo")));
        foreach (var item in expected.RootElement.EnumerateObject())
        {
            Assert.True(
                System.Text.Json.JsonElement.DeepEquals(item.Value, actual.Root.GetProperty(item.Name)),
                $"{item.Name}: {actual.Root.GetProperty(item.Name).GetRawText()}");
        }
        Assert.Equal(expected.RootElement.EnumerateObject().Count() + 1, actual.Root.EnumerateObject().Count());
    }

    [Theory]
    [InlineData("a: &x 1\nb: *x", "line 1: begins with '&'")]
    [InlineData("a: !!python/object:os.system x", "begins with '!'")]
    [InlineData("- 1", "expected settings by name")]
    [InlineData("a: 1\n  b: 2\n c: 3", "line 2")]
    [InlineData("a: [1, 2", "not closed")]
    [InlineData("a: 'b", "not closed")]
    [InlineData("a: [1] 2", "follows the end")]
    [InlineData("a:\n\tb: 1", "tabs")]
    [InlineData("a: 1\na: 2", "appears twice")]
    [InlineData("text", "no name with a colon")]
    public void Other_YAML_is_refused_with_its_line(string yaml, string reason)
    {
        var error = Assert.Throws<CheckpointException>(
            () => SettingsFile.Parse("t", Yaml.ToJson(Encoding.UTF8.GetBytes(yaml), "t", ("model_type", "nemo"))));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_settings_give_checkpoint_errors_only()
    {
        var original = File.ReadAllBytes(TestData.Require("goldens/nemo-tiny/streaming/model_config.yaml"));
        var folded = Encoding.UTF8.GetBytes("a: 'x\n  y'\nb: [1, {c: \"d\\u00e9\"}]\ne: |\n  f\ng:\n- - h: i\n    j: ${a}\n");
        foreach (var random in Fuzzing.Tries(3000))
        {
            var damaged = Mutation.Of(random.Next(4) == 0 ? original : folded, random);
            try
            {
                SettingsFile.Parse("t", Yaml.ToJson(damaged, "t", ("model_type", "nemo"))).Dispose();
            }
            catch (CheckpointException)
            {
            }
        }
    }
}
