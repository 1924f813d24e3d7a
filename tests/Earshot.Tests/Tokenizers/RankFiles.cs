using System.Globalization;
using System.Text;

namespace Earshot.Tokenizers;

/// <summary>OpenAI's files of ranks, made on the spot: the box's vocabulary has the same tokens in the same order.</summary>
static class RankFiles
{
    static readonly Lazy<string> s_multilingual = new(WriteMultilingual);

    /// <summary>The path of a <c>multilingual.tiktoken</c>.</summary>
    public static string Multilingual => s_multilingual.Value;

    static string WriteMultilingual()
    {
        var tokenizer = WhisperTokenizer.Load(TestModels.WhisperBase);
        var text = new StringBuilder();
        for (int id = 0; id < tokenizer.EndOfText; id++)
        {
            var bytes = tokenizer.TokenBytes(id);
            // The token without bytes is a lone '='.
            text.Append(bytes.IsEmpty ? "=" : Convert.ToBase64String(bytes)).Append(' ').Append(id.ToString(CultureInfo.InvariantCulture))
                .Append('\n');
        }
        var path = Path.Combine(Directory.CreateTempSubdirectory("earshot-test-").FullName, "multilingual.tiktoken");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        File.WriteAllText(path, text.ToString());
        return path;
    }
}
