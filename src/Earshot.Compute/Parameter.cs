using System.Diagnostics.CodeAnalysis;

namespace Earshot.Compute;

/// <summary>A weight that a model asked for by name, with its shape checked; backends keep the form they compute with beside it.</summary>
public sealed class Parameter
{
    readonly Lock _lock = new();
    volatile PreparedForm? _forms;

    internal Parameter(StoredTensor stored, string location)
    {
        Stored = stored;
        Location = location;
    }

    /// <summary>The checkpoint's key, which is also the ONNX initializer's name and the profiler's label.</summary>
    public string Name => Stored.Name;

    public Shape Shape => Stored.Shape;

    /// <summary>The elements as the checkpoint has them.</summary>
    public StoredTensor Stored { get; }

    /// <summary>The checkpoint that it came from, for messages.</summary>
    public string Location { get; }

    /// <summary>
    /// The form that <paramref name="owner"/> made of this parameter for <paramref name="use"/>, making it on the first call only.
    /// </summary>
    internal TForm Prepare<TForm>(object owner, string use, Func<Parameter, TForm> make) where TForm : class
    {
        if (TryFind<TForm>(owner, use, out var form)) return form;
        lock (_lock)
        {
            if (TryFind(owner, use, out form)) return form;
            form = make(this);
            _forms = new PreparedForm(owner, use, form, _forms);
            return form;
        }
    }

    /// <summary>The forms that <paramref name="owner"/> made so far.</summary>
    internal IEnumerable<object> FormsOf(object owner)
    {
        for (var form = _forms; form is not null; form = form.Next)
        {
            if (ReferenceEquals(form.Owner, owner)) yield return form.Value;
        }
    }

    /// <summary>Forgets every form that <paramref name="owner"/> made, disposing of those that hold memory.</summary>
    internal void Forget(object owner)
    {
        lock (_lock)
        {
            PreparedForm? kept = null;
            for (var form = _forms; form is not null; form = form.Next)
            {
                if (!ReferenceEquals(form.Owner, owner)) kept = new PreparedForm(form.Owner, form.Use, form.Value, kept);
                else (form.Value as IDisposable)?.Dispose();
            }
            _forms = kept;
        }
    }

    bool TryFind<TForm>(object owner, string use, [NotNullWhen(true)] out TForm? found) where TForm : class
    {
        for (var form = _forms; form is not null; form = form.Next)
        {
            if (ReferenceEquals(form.Owner, owner) && ReferenceEquals(form.Use, use) && form.Value is TForm value)
            {
                found = value;
                return true;
            }
        }
        found = null;
        return false;
    }

    public override string ToString() => $"{Name} {Stored.Type} {Shape}";

    sealed record PreparedForm(object Owner, string Use, object Value, PreparedForm? Next);
}
