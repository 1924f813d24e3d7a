namespace Earshot;

/// <summary>
/// The base of every failure that Earshot reports on purpose: its message says what, where, expected, got, and what to do.
/// </summary>
public abstract class EarshotException : Exception
{
    protected EarshotException(string message) : base(message) { }

    protected EarshotException(string message, Exception? innerException) : base(message, innerException) { }
}

/// <summary>A checkpoint (weights, configuration, tokenizer files) that is missing, damaged, or not what it claims to be.</summary>
public sealed class CheckpointException : EarshotException
{
    public CheckpointException(string message) : base(message) { }

    public CheckpointException(string message, Exception? innerException) : base(message, innerException) { }
}

/// <summary>A model that cannot do what was asked of it: a wrong shape, an unknown architecture, a task it was not trained for.</summary>
public sealed class ModelException : EarshotException
{
    public ModelException(string message) : base(message) { }

    public ModelException(string message, Exception? innerException) : base(message, innerException) { }
}

/// <summary>
/// More was asked for at once than a model, a device or a server was opened for; nothing was begun. Trying again later may do.
/// </summary>
public sealed class OverloadedException : EarshotException
{
    public OverloadedException(string message) : base(message) { }

    public OverloadedException(string message, Exception? innerException) : base(message, innerException) { }
}
