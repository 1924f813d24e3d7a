namespace Earshot.TextGeneration;

/// <summary>A model that is loaded when it is first asked for, by one of those who ask; a failure is tried again by the next.</summary>
sealed class LoadedOnce : IDisposable
{
    readonly SemaphoreSlim _gate = new(1, 1);
    readonly Func<CancellationToken, Task<LanguageModel>> _load;
    LanguageModel? _model;

    public LoadedOnce(Func<CancellationToken, Task<LanguageModel>> load) => _load = load;

    public LoadedOnce(LanguageModel model) => (_model, _load) = (model, _ => Task.FromResult(model));

    public LanguageModel? IfLoaded => Volatile.Read(ref _model);

    public async ValueTask<LanguageModel> GetAsync(CancellationToken cancellationToken)
    {
        if (IfLoaded is { } loaded) return loaded;
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_model is null) Volatile.Write(ref _model, await _load(cancellationToken).ConfigureAwait(false));
            return _model!;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose()
    {
        IfLoaded?.Dispose();
        _gate.Dispose();
    }
}
