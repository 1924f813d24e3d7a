using System.Text;

namespace Earshot.Chat;

/// <summary>What is said, thought and called, however an answer is cut into pieces.</summary>
public class ChatAnswerParserTests
{
    [Theory]
    // Text, thoughts and what is between them.
    [InlineData("qwen3", "hello", "hello")]
    [InlineData("qwen3", "<think>\na\n\nb\n</think>\n\nhello\n", "(a\n\nb)hello\n")]
    [InlineData("qwen3", "<think>\n\n</think>\n\nhello", "hello")]
    [InlineData("qwen3", "\n<think>a</thi</think>b", "(a</thi)b")]
    [InlineData("qwen3", "<think>a", "(a)")]
    [InlineData("qwen3", "a <think>b</think> <tool", "a <think>b</think> <tool")]
    [InlineData("qwen3-thinking", "a\n</think>\n\nb", "(a)b")]
    [InlineData("qwen2.5", "<think>a</think>", "<think>a</think>")]
    // Calls.
    [InlineData("qwen3", "Let me look.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\":1}}\n</tool_call>",
        "Let me look.[f {\"x\": 1}]")]
    [InlineData("qwen2.5",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n" +
        "<tool_call>\n{\"name\": \"g\", \"arguments\": \"{\\\"a\\\":[]}\"}\n</tool_call>",
        "[f {}][g {\"a\": []}]")]
    [InlineData("qwen3", "<think>a</think>\n<tool_call>{\"name\": \"f\"}", "(a)[f {}]")]
    [InlineData("qwen3", "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"</tool_call>\"}}</tool_call>b",
        "[f {\"x\": \"</tool_call>\"}]b")]
    // What is no call is text.
    [InlineData("qwen3", "<tool_call>\n{\"name\": \"f\", \"arguments\": {</tool_call> b",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {</tool_call> b")]
    [InlineData("qwen3", "<tool_call>{\"name\": \"f</tool_call>\n<tool_call>{\"name\": \"g\"}</tool_call>",
        "<tool_call>{\"name\": \"f</tool_call>[g {}]")]
    [InlineData("qwen3", "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>")]
    [InlineData("qwen3", "<tool_call>{\"name\": 1}", "<tool_call>{\"name\": 1}")]
    [InlineData("qwen3", "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"\\ud83d\"}}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"\\ud83d\"}}</tool_call>")]
    [InlineData("qwen3", "<tool_call>", "<tool_call>")]
    // Llama writes them bare.
    [InlineData("llama3.1", "{\"name\": \"f\", \"parameters\": {\"x\": \"}\"}}", "[f {\"x\": \"}\"}]")]
    [InlineData("llama3.1", " {\"name\": \"f\"}; {\"type\": \"function\", \"function\": {\"name\": \"g\", \"parameters\": {}}}",
        "[f {}][g {}]")]
    [InlineData("llama3.1", "{\"answer\": 42}", "{\"answer\": 42}")]
    [InlineData("llama3.1", "{\"name\": \"f\", \"parameters\": {", "{\"name\": \"f\", \"parameters\": {")]
    [InlineData("llama3.1", "It is {\"name\": \"f\"}", "It is {\"name\": \"f\"}")]
    [InlineData("llama3.1", "{\"name\": \"f\"}\nDone.", "[f {}]Done.")]
    public void Answers_are_told_apart_however_they_are_cut(string family, string answer, string expected)
    {
        var format = ChatFormat.Named(family);
        var prompt = format.Render([ChatTurn.User("a")]);
        var random = new Random(3);
        for (int round = 0; round < 20; round++)
        {
            var parser = format.CreateParser(prompt, parsesToolCalls: true);
            var parts = new List<ChatAnswerPart>();
            for (int at = 0; at < answer.Length;)
            {
                int length = round == 0 ? answer.Length : round == 1 ? 1 : Math.Min(random.Next(1, 12), answer.Length - at);
                parts.AddRange(parser.Append(answer.Substring(at, length)));
                at += length;
            }
            parts.AddRange(parser.Complete());
            Assert.Equal(expected, Written(parts));
            Assert.Equal(parts.OfType<AnswerToolCall>().Count(), parser.ToolCallCount);
            Assert.Equal(parser.ToolCallCount, parts.OfType<AnswerToolCall>().Select(part => part.Call.Id).Distinct().Count());
        }
    }

    [Fact]
    public void Text_comes_as_soon_as_it_can_be_nothing_else()
    {
        var format = ChatFormat.Named("qwen3");
        var parser = format.CreateParser(format.Render([ChatTurn.User("a")]), parsesToolCalls: true);
        Assert.Empty(parser.Append("<thi"));
        Assert.Equal("(a)", Written(parser.Append("nk>a</")));
        Assert.True(parser.IsInsideReasoning);
        Assert.Equal("(</b)", Written(parser.Append("b\n")));
        Assert.Empty(parser.Append("</think>"));
        Assert.False(parser.IsInsideReasoning);
        Assert.Equal("hello", Written(parser.Append("\n\nhello\n<tool_")));
        Assert.Equal("\n<tool_box", Written(parser.Append("box")));
        Assert.Empty(parser.Append("<tool_call>{"));
        Assert.Equal("[f {}]", Written(parser.Append("\"name\":\"f\"}</tool_call>")));
        Assert.Empty(parser.Complete());
    }

    [Fact]
    public void Calls_are_text_where_no_tools_were_given()
    {
        const string call = "<tool_call>{\"name\": \"f\"}</tool_call>";
        var format = ChatFormat.Named("qwen3");
        var parser = format.CreateParser(format.Render([ChatTurn.User("a")]), parsesToolCalls: false);
        Assert.Equal(call, Written([.. parser.Append(call), .. parser.Complete()]));
    }

    [Fact]
    public void Any_answer_is_told_apart_without_an_exception_and_nothing_is_lost()
    {
        string[] parts =
        [
            "<think>", "</think>", "<tool_call>", "</tool_call>", "{", "}", "\"", "\\", "\"name\": \"f\"", ",", "\n", "a", "😀", "[",
            "\\u", "z",
        ];
        foreach (var family in (string[])["qwen3", "qwen2.5", "llama3.1", "qwen3-thinking"])
        {
            var format = ChatFormat.Named(family);
            var prompt = format.Render([ChatTurn.User("a")]);
            foreach (var random in FuzzRounds.Of(2000, usualSeed: 4))
            {
                var answer = Enumerable.Range(0, random.Next(14)).Select(_ => parts[random.Next(parts.Length)]).ToList();
                var parser = format.CreateParser(prompt, parsesToolCalls: true);
                List<ChatAnswerPart> found = [.. answer.SelectMany(parser.Append), .. parser.Complete()];
                var whole = format.CreateParser(prompt, parsesToolCalls: true);
                Assert.Equal(Written(found), Written([.. whole.Append(string.Concat(answer)), .. whole.Complete()]));
                if (parser.ToolCallCount == 0)
                    Assert.Equal(answer.Count(part => part == "z"), Written(found).Count(c => c == 'z'));
            }
        }
    }

    static string Written(IEnumerable<ChatAnswerPart> parts)
    {
        var text = new StringBuilder();
        ChatAnswerPart? last = null;
        foreach (var part in parts)
        {
            if (part is not AnswerReasoning && last is AnswerReasoning) text.Append(')');
            _ = part switch
            {
                AnswerReasoning reasoning => text.Append(last is AnswerReasoning ? "" : "(").Append(reasoning.Text),
                AnswerToolCall { Call: var call } => text.Append($"[{call.Name} {call.Arguments}]"),
                AnswerText said => text.Append(said.Text),
                _ => throw new InvalidOperationException(),
            };
            last = part;
        }
        return text.Append(last is AnswerReasoning ? ")" : "").ToString();
    }
}
