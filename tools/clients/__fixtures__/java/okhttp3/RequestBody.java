package okhttp3;

public final class RequestBody {
    final String text;

    private RequestBody(String text) {
        this.text = text;
    }

    public static RequestBody create(String text, MediaType type) {
        return new RequestBody(text);
    }
}
