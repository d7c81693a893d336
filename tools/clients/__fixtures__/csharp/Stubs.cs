// Stubs of the libraries that the page uses and Mono's compiler lacks.
using System;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

namespace System.Text.Json
{
    public class JsonException : Exception {}

    /// <summary>Finds the string fields of a flat object.</summary>
    public struct JsonElement
    {
        internal string Text;

        public JsonElement GetProperty(string name)
        {
            var found = Regex.Match(Text, "\"" + name + "\":\"([^\"]*)\"");
            if (!found.Success) throw new System.Collections.Generic.KeyNotFoundException();
            return new JsonElement { Text = found.Groups[1].Value };
        }

        public string GetString() { return Text; }
    }

    public sealed class JsonDocument
    {
        public JsonElement RootElement { get; private set; }

        public static JsonDocument Parse(string text)
        {
            if (!text.StartsWith("{") || !text.EndsWith("}")) throw new JsonException();
            return new JsonDocument { RootElement = new JsonElement { Text = text } };
        }
    }
}

namespace Authgear.Xamarin
{
    public enum SessionState { Unknown, NoSession, Authenticated }

    public class AuthgearSdk
    {
        public SessionState SessionState { get { return SessionState.Authenticated; } }
        public string AccessToken { get { return Environment.GetEnvironmentVariable("APP_TOKEN"); } }
        public Task<string> RefreshAccessTokenIfNeededAsync() { return Task.FromResult<string>(null); }
        public void ClearSessionState() {}
    }
}
