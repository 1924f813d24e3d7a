namespace Earshot.Audio;

/// <summary>What ffmpeg may take an unknown file for.</summary>
internal static class FfmpegFormats
{
    // What keeps times for each packet, since sound goes with pictures. The times of others are made up from sizes and rates, or
    // wrong: RealMedia gives those of a block to all its packets, which are then cut away as if they stood in one place.
    static readonly string[] s_timed = ["matroska", "mov", "mpegts", "mpeg", "flv", "asf"];

    /// <summary>
    /// Whether the times in such a container are followed: silence before sound that starts late, and where they leave a gap.
    /// </summary>
    public static bool HasTimes(string? demuxer) => s_timed.Contains(demuxer);

    /// <summary>
    /// Its demuxers of sound that lie in one file, without playlists, image sequences, scripts and descriptions, which open other
    /// files or addresses, and without headerless samples, which anything would be.
    /// </summary>
    public const string SingleFile =
        "3dostr,aa,aac,aax,ac3,act,adx,aea,aiff,alp,amr,amrnb,amrwb,ape,aptx,asf,ast,au,avi,avr,bfstm,brstm,caf,codec2,daud,dhav," +
        "dsf,dss,dts,dtshd,dv,eac3,flac,flv,g722,g723_1,g726,g726le,g729,gsm,gxf,hca,hcom,iff,ilbc,ircam,iss,live_flv,lmlm4,loas," +
        "matroska,mlp,mmf,mov,mp3,mpc,mpc8,mpeg,mpegts,msf,mtaf,mxf,nistsphere,nsv,nut,nuv,ogg,oma,paf,pva,pvf,qcp,rm,rso,sbc," +
        "sds,shn,siff,sln,sol,sox,swf,tak,truehd,tta,vag,voc,vqf,w64,wav,wsd,wtv,wv,wve,xa,xmv,xvag,xwma";
}
