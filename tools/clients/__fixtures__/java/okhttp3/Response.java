package okhttp3;

import java.io.Closeable;
import java.net.http.HttpResponse;

public final class Response implements Closeable {
    private final HttpResponse<String> response;

    Response(HttpResponse<String> response) {
        this.response = response;
    }

    public int code() {
        return response.statusCode();
    }

    public boolean isSuccessful() {
        return code() >= 200 && code() < 300;
    }

    public String header(String name) {
        return response.headers().firstValue(name).orElse(null);
    }

    public String header(String name, String otherwise) {
        return response.headers().firstValue(name).orElse(otherwise);
    }

    public ResponseBody body() {
        return new ResponseBody(response.body());
    }

    @Override
    public void close() {}
}
