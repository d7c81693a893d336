package okhttp3;

import java.net.URI;
import java.net.http.HttpRequest;

/** A stub of OkHttp's request. The placeholders of a vendor's sample are replaced by system properties of the same name. */
public final class Request {
    final HttpRequest request;

    private Request(HttpRequest request) {
        this.request = request;
    }

    public static final class Builder {
        private final HttpRequest.Builder builder = HttpRequest.newBuilder();

        public Builder url(String url) {
            builder.uri(URI.create(System.getProperty(url, url)));
            return this;
        }

        public Builder addHeader(String name, String value) {
            builder.header(name, System.getProperty(value, value));
            return this;
        }

        public Builder header(String name, String value) {
            builder.setHeader(name, value);
            return this;
        }

        public Builder get() {
            return method("GET", null);
        }

        public Builder method(String method, RequestBody body) {
            builder.method(method, body == null
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofString(body.text));
            return this;
        }

        public Request build() {
            return new Request(builder.build());
        }
    }
}
