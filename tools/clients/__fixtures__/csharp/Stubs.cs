// Stubs of the libraries that the page uses and Mono's compiler lacks.
using System;
using System.Threading.Tasks;

namespace System.Text.Json
{
    public class JsonException : Exception {}

    public struct JsonElement
    {
        public JsonElement GetProperty(string name) { return this; }
        public string GetString() { return null; }
    }

    public sealed class JsonDocument
    {
        public JsonElement RootElement { get { return new JsonElement(); } }
        public static JsonDocument Parse(string text) { return new JsonDocument(); }
    }
}

namespace Authgear.Xamarin
{
    public enum SessionState { Unknown, NoSession, Authenticated }

    public class AuthgearSdk
    {
        public SessionState SessionState { get; }
        public string AccessToken { get; }
        public Task<string> RefreshAccessTokenIfNeededAsync() { return Task.FromResult<string>(null); }
        public void ClearSessionState() {}
    }
}
