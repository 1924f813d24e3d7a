using System.Security.Cryptography;
using System.Text;

namespace Earshot.Audio;

public class FlacMd5Tests
{
    // RFC 1321, appendix A.5.
    [Theory]
    [InlineData("", "d41d8cd98f00b204e9800998ecf8427e")]
    [InlineData("abc", "900150983cd24fb0d6963f7d28e17f72")]
    [InlineData("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345678901234567890", "57edf4a22be3c955ac49da2e2107b67a")]
    public void The_hash_is_that_of_the_rfc(string text, string expected)
    {
        var md5 = new FlacMd5();
        md5.Append(Encoding.ASCII.GetBytes(text));
        Assert.Equal(expected, Convert.ToHexStringLower(md5.Complete()));
    }

    [Fact]
    public void Any_length_in_any_pieces_gives_what_the_system_gives()
    {
        var random = new Random(5);
        for (int length = 0; length < 300; length++)
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            var md5 = new FlacMd5();
            for (int at = 0; at < length;)
            {
                int count = Math.Min(random.Next(1, 90), length - at);
                md5.Append(bytes.AsSpan(at, count));
                at += count;
            }
#pragma warning disable CA5351 // FLAC's own check, no matter of security.
            Assert.Equal(MD5.HashData(bytes), md5.Complete());
#pragma warning restore CA5351
        }
    }
}
