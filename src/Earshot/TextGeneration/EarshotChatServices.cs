using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Earshot.TextGeneration;

/// <summary>Registers language models as chat clients.</summary>
public static class EarshotChatServices
{
    /// <summary>
    /// Registers an <see cref="IChatClient"/> over a language model, one for the application. The model is loaded, and downloaded where it
    /// is not here yet, when the client is first asked something. What is returned takes what stands around the client, such as
    /// <c>UseFunctionInvocation()</c>, which calls tools.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="model">A folder, a GGUF file or a name on the hub.</param>
    /// <param name="options">How it is loaded.</param>
    /// <param name="defaults">Options for requests that bring none of their own.</param>
    public static ChatClientBuilder AddEarshotChat(
        this IServiceCollection services, string model, LanguageModelOptions? options = null, GenerationOptions? defaults = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(model);
        return services.AddChatClient(_ => new LanguageModelChatClient(
            new LoadedOnce(cancellationToken => LanguageModel.LoadAsync(model, options, cancellationToken: cancellationToken)), model,
            defaults ?? new GenerationOptions(), ownsModel: true));
    }

    /// <summary>Registers an <see cref="IChatClient"/> over a language model that is loaded already, and stays the caller's.</summary>
    /// <inheritdoc cref="AddEarshotChat(IServiceCollection, string, LanguageModelOptions?, GenerationOptions?)"/>
    public static ChatClientBuilder AddEarshotChat(
        this IServiceCollection services, LanguageModel model, GenerationOptions? defaults = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(model);
        return services.AddChatClient(_ => model.AsChatClient(defaults));
    }
}
