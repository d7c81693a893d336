package okhttp3;

import java.io.IOException;

public final class ResponseBody {
    private final String text;

    ResponseBody(String text) {
        this.text = text;
    }

    public String string() throws IOException {
        return text;
    }
}
