using Earshot.Cli.Files;

namespace Earshot.Cli.Tests;

public class OutputFileTests
{
    [Fact]
    public void A_file_appears_when_it_is_complete()
    {
        using var folder = new TemporaryFolder();
        using (var file = OutputFile.Create(folder["new/a.txt"]))
        {
            file.Writer.Write("whole");
            Assert.False(File.Exists(folder["new/a.txt"]));
            file.Complete(overwrite: false);
        }
        Assert.Equal("whole", File.ReadAllText(folder["new/a.txt"]));
        Assert.Equal(["new/a.txt"], folder.Files());
    }

    [Fact]
    public void A_file_that_is_not_completed_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        using (var file = OutputFile.Create(folder["a.txt"])) file.Writer.Write("half");
        Assert.Empty(folder.Files());
    }

    [Fact]
    public void An_existing_file_is_kept_unless_told_otherwise()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a.txt", "old"u8);
        using (var file = OutputFile.Create(path)) Assert.Throws<IOException>(() => file.Complete(overwrite: false));
        Assert.Equal("old", File.ReadAllText(path));
        using (var file = OutputFile.Create(path)) file.Complete(overwrite: true);
        Assert.Empty(File.ReadAllText(path));
        Assert.Equal(["a.txt"], folder.Files());
    }

    [Fact]
    public void Files_begun_are_removed_when_the_process_must_end()
    {
        using var folder = new TemporaryFolder();
        using var file = OutputFile.Create(folder["a.txt"]);
        Assert.Single(folder.Files());
        OutputFile.AbandonAll();
        Assert.Empty(folder.Files());
    }
}
