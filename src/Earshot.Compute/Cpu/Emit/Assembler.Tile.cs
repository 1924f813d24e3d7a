namespace Earshot.Compute.Cpu.Emit;

/// <content>AMX instructions on tile registers, numbered 0 to 7. Tile loads and stores step from row to row by rax bytes.</content>
internal sealed partial class Assembler
{
    /// <summary>Sets the shapes of all tiles from 64 bytes at an address in a register (ldtilecfg).</summary>
    public void LoadTileConfiguration(Gpr address) => Tile(0x78, 0x49, 0, new Address(address));

    /// <summary>Gives the tiles back (tilerelease).</summary>
    public void ReleaseTiles() => TileRegister(0x78, 0x49, 0);

    public void ZeroTile(int tile) => TileRegister(0x7B, 0x49, tile);

    public void LoadTile(int tile, Gpr start, int displacement) => TileMemory(0x7B, tile, start, displacement);

    public void StoreTile(Gpr start, int displacement, int tile) => TileMemory(0x7A, tile, start, displacement);

    /// <summary>destination += left · right, pairs of bfloat16 (tdpbf16ps).</summary>
    public void TileDotBFloat16(int destination, int left, int right) => TileProduct(0x5C, 2, destination, left, right);

    /// <summary>destination += left · right, four signed bytes each (tdpbssd).</summary>
    public void TileDotSigned(int destination, int left, int right) => TileProduct(0x5E, 3, destination, left, right);

    /// <summary>destination += left · right, four signed bytes of left with unsigned of right (tdpbsud).</summary>
    public void TileDotSignedUnsigned(int destination, int left, int right) => TileProduct(0x5E, 2, destination, left, right);

    void TileProduct(byte opcode, int prefix, int destination, int left, int right)
    {
        Byte(0xC4);
        Byte(0xE2);
        Byte((byte)((~right & 15) << 3 | prefix));
        Byte(opcode);
        Byte((byte)(0xC0 | destination << 3 | left));
    }

    void TileRegister(byte prefix, byte opcode, int tile)
    {
        Byte(0xC4);
        Byte(0xE2);
        Byte(prefix);
        Byte(opcode);
        Byte((byte)(0xC0 | tile << 3));
    }

    void TileMemory(byte prefix, int tile, Gpr start, int displacement)
    {
        Byte(0xC4);
        Byte((byte)(0xC2 | Inverted((int)start, 3) << 5));
        Byte(prefix);
        Byte(0x4B);
        // Always base + rax with a 32-bit displacement: one form to decode, and to check.
        Byte((byte)(0x84 | tile << 3));
        Byte((byte)((int)start & 7));
        Word(displacement);
    }

    void Tile(byte prefix, byte opcode, int reg, Address memory)
    {
        Byte(0xC4);
        Byte((byte)(0xC2 | Inverted((int)memory.Base, 3) << 5));
        Byte(prefix);
        Byte(opcode);
        ModRm(reg, memory, 1);
    }
}
