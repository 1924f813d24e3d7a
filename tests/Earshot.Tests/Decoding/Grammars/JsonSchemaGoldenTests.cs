using System.Numerics;
using System.Text.Json;

namespace Earshot.Decoding.Grammars;

/// <summary>Twelve schemas with texts that must be accepted or refused at a certain byte, and exact sets of tokens, by an exhaustive
/// recogniser.</summary>
public class JsonSchemaGoldenTests
{
    [Fact]
    public void Texts_and_masks_are_those_of_the_reference()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Require("goldens/json-schema/cases.json")));
        var cases = golden.RootElement.GetProperty("cases");
        Assert.Equal(12, cases.GetArrayLength());
        foreach (var item in cases.EnumerateArray())
        {
            var grammar = Grammar.FromJsonSchema(item.GetProperty("schema"), strict: true);
            foreach (var text in item.GetProperty("valid").EnumerateArray())
                Assert.Equal(-1, GrammarTexts.FirstRefused(grammar, text.GetString()!));
            foreach (var text in item.GetProperty("invalid").EnumerateArray())
            {
                string said = text.GetProperty("text").GetString()!;
                var refused = text.GetProperty("first_refused_byte");
                int expected = refused.ValueKind == JsonValueKind.Null ? System.Text.Encoding.UTF8.GetByteCount(said) : refused.GetInt32();
                Assert.Equal((said, expected), (said, GrammarTexts.FirstRefused(grammar, said)));
            }
            foreach (var mask in item.GetProperty("masks").EnumerateArray()) CheckMask(grammar, mask);
        }
    }

    static void CheckMask(Grammar grammar, JsonElement expected)
    {
        var vocabulary = GrammarTexts.Qwen;
        var state = GrammarState.Start(grammar);
        foreach (byte b in Convert.FromHexString(expected.GetProperty("prefix_bytes").GetString()!)) state = state.Next(b)!;
        var mask = new ulong[vocabulary.MaskWords];
        new MaskBuilder(vocabulary).Fill(state, int.MaxValue, mask);
        var allowed = Enumerable.Range(0, vocabulary.Count).Where(id => (mask[id / 64] >> id & 1) != 0).ToArray();
        Assert.Equal(expected.GetProperty("allowed").EnumerateArray().Select(id => id.GetInt32()), allowed);
        Assert.Equal(expected.GetProperty("may_stop").GetBoolean(), state.IsComplete);
        Assert.Equal(allowed.Length, mask.Sum(BitOperations.PopCount));
    }
}
