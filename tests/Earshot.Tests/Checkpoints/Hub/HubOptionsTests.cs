namespace Earshot.Checkpoints;

public sealed class HubOptionsTests
{
    [Theory]
    [InlineData("", "/home/me/.cache/huggingface/hub")]
    [InlineData("XDG_CACHE_HOME=/xdg", "/xdg/huggingface/hub")]
    [InlineData("XDG_CACHE_HOME=/xdg;HF_HOME=/hf", "/hf/hub")]
    [InlineData("HF_HOME=~/hf", "/home/me/hf/hub")]
    [InlineData("HF_HOME=/hf;HUGGINGFACE_HUB_CACHE=/old", "/old")]
    [InlineData("HUGGINGFACE_HUB_CACHE=/old;HF_HUB_CACHE=/new", "/new")]
    public void The_cache_lies_where_the_environment_says(string variables, string folder) =>
        Assert.Equal(Path.GetFullPath(folder), From(variables).CacheFolder);

    [Theory]
    [InlineData("", false)]
    [InlineData("HF_HUB_OFFLINE=0", false)]
    [InlineData("HF_HUB_OFFLINE=1", true)]
    [InlineData("HF_HUB_OFFLINE=true", true)]
    [InlineData("HF_HUB_OFFLINE=Yes", true)]
    public void Offline_is_switched_as_usual(string variables, bool offline) => Assert.Equal(offline, From(variables).Offline);

    [Fact]
    public void The_token_comes_from_a_variable_or_a_file()
    {
        using var folder = new TemporaryFolder();
        folder.Write("token", " from-file \n");
        Assert.Null(From("").Token);
        Assert.Equal("from-file", From($"HF_HOME={folder.Path}").Token);
        Assert.Equal("from-file", From($"HF_TOKEN_PATH={folder.File("token")}").Token);
        Assert.Equal("old", From($"HF_HOME={folder.Path};HUGGING_FACE_HUB_TOKEN=old").Token);
        Assert.Equal("new", From("HUGGING_FACE_HUB_TOKEN=old;HF_TOKEN=new").Token);
    }

    [Fact]
    public void An_endpoint_that_is_no_web_address_is_refused()
    {
        Assert.Equal(new Uri("https://mirror.example"), From("HF_ENDPOINT=https://mirror.example").Endpoint);
        Assert.Throws<CheckpointException>(() => From("HF_ENDPOINT=mirror"));
        Assert.Throws<CheckpointException>(() => From("HF_ENDPOINT=file:///etc"));
    }

    static HubOptions From(string variables)
    {
        var values = variables.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=', 2))
            .ToDictionary(v => v[0], v => v[1]);
        return HubOptions.FromVariables(values.GetValueOrDefault, "/home/me");
    }
}
