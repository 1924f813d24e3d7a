using System.Globalization;
using System.Net;

namespace Earshot.Checkpoints;

/// <summary>A server's answer that may be another one in a moment.</summary>
sealed class BusyHubException(HttpStatusCode status) : IOException($"the server answered {(int)status} {status}");

/// <summary>What to tell when the hub does not give what was asked for.</summary>
static class HubErrors
{
    /// <summary>Throws for any status that is not success.</summary>
    /// <exception cref="CheckpointException">The hub refuses: the message says why, and what to do.</exception>
    /// <exception cref="BusyHubException">The hub is overloaded or broken for the moment.</exception>
    public static void ThrowIfRefused(HttpResponseMessage response, HubModelName model, string? file, HubOptions options)
    {
        if (response.IsSuccessStatusCode) return;
        var status = response.StatusCode;
        if ((int)status >= 500 || status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout)
            throw new BusyHubException(status);
        var code = response.Headers.TryGetValues("X-Error-Code", out var values) ? values.First() : "";
        throw new CheckpointException(Describe(status, code, model, file, options));
    }

    /// <summary>Whether a failure comes from the network and not from the caller, so that trying again makes sense.</summary>
    public static bool MayPass(Exception e, CancellationToken cancellationToken) =>
        e is HttpRequestException or IOException || e is OperationCanceledException && !cancellationToken.IsCancellationRequested;

    /// <summary>What to tell when no attempt helped; a failure by cancellation had waited for <paramref name="waited"/>.</summary>
    public static CheckpointException Unreachable(Exception e, HubOptions options, TimeSpan waited)
    {
        var reason = e is OperationCanceledException
            ? string.Create(CultureInfo.InvariantCulture, $"no answer within {Math.Max(1, waited.TotalSeconds):0} s")
            : e.Message.TrimEnd('.');
        var box = BundledModels.Find(BundledModels.WhisperBase) is { } folder
            ? $"take the model in the box, which needs no network (--model {ModelNames.Base}; its folder is '{folder}'), "
            : "";
        return new CheckpointException(
            $"Cannot download from '{options.Endpoint}': {reason}. Check the connection and try again (what was downloaded is kept), " +
            $"{box}or give a folder that holds the model.", e);
    }

    static string Describe(HttpStatusCode status, string code, HubModelName model, string? file, HubOptions options)
    {
        string what = file is null ? $"'{model}'" : $"'{file}' of '{model}'";
        string page = $"{options.Endpoint.ToString().TrimEnd('/')}/{model.Id}";
        if (code == "GatedRepo" || status == HttpStatusCode.Forbidden && options.Token is not null)
        {
            return $"Access to {what} is not granted ({(int)status}): the model is gated. Accept its terms at {page}, then " +
                (options.Token is null
                    ? "set HF_TOKEN to an access token of that account."
                    : "use an access token of the account that accepted them.");
        }
        if (status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            return options.Token is null
                ? $"There is no public model {what} ({(int)status}). Check the spelling of the name; " +
                    "if it is private or gated, set HF_TOKEN to an access token that may read it."
                : $"The access token is not accepted for {what} ({(int)status}). Check the spelling of the name, " +
                    "and that the token in HF_TOKEN is valid and may read it.";
        }
        if (code == "RevisionNotFound")
            return $"The model '{model.Id}' has no revision '{model.Revision}'. See {page}/tree/main for its branches and tags.";
        if (status == HttpStatusCode.NotFound)
        {
            return file is null
                ? $"There is no model {what} at '{options.Endpoint.Host}' (404). Check the spelling; " +
                    "names look like openai/whisper-large-v3-turbo."
                : $"There is no file {what} at '{options.Endpoint.Host}' (404). The model may have changed just now: try again.";
        }
        return $"'{options.Endpoint.Host}' refuses {what} with status {(int)status} {status}. Check HF_ENDPOINT and try again.";
    }
}
