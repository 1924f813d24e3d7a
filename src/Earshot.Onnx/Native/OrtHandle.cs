using System.Buffers;
using System.Runtime.InteropServices;

namespace Earshot.Onnx.Native;

/// <summary>One native object of ours: released once, also when its owner was forgotten, and never while a call uses it.</summary>
sealed class OrtHandle : SafeHandle
{
    static long s_live;
    readonly OrtKind _kind;
    readonly OrtHandle? _parent;
    MemoryHandle _pin;

    /// <summary>
    /// Owns a native object, keeps the one it came from alive (a binding's session), and keeps the memory under it where it is.
    /// </summary>
    public OrtHandle(OrtKind kind, nint pointer, OrtHandle? parent = null, MemoryHandle pin = default) : base(0, ownsHandle: true)
    {
        _kind = kind;
        _pin = pin;
        SetHandle(pointer);
        bool added = false;
        parent?.DangerousAddRef(ref added);
        _parent = parent;
        Interlocked.Increment(ref s_live);
    }

    /// <summary>How many native objects are held now, for tests that look for leaks.</summary>
    public static long Live => Volatile.Read(ref s_live);

    public override bool IsInvalid => handle == 0;

    /// <summary>Keeps the object alive until the lease ends; use as <c>using var session = _handle.Lease();</c>.</summary>
    /// <exception cref="ObjectDisposedException">The object was given back.</exception>
    public OrtLease Lease() => new(this);

    protected override bool ReleaseHandle()
    {
        OrtApi.Release(_kind, handle);
        _pin.Dispose();
        _parent?.DangerousRelease();
        Interlocked.Decrement(ref s_live);
        return true;
    }
}

/// <summary>A native object in use.</summary>
readonly ref struct OrtLease
{
    readonly OrtHandle _owner;

    public OrtLease(OrtHandle owner)
    {
        bool added = false;
        owner.DangerousAddRef(ref added);
        _owner = owner;
        Pointer = owner.DangerousGetHandle();
    }

    public nint Pointer { get; }

    public void Dispose() => _owner.DangerousRelease();
}
