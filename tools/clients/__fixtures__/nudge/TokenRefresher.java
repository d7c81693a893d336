import java.io.IOException;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
public class TokenRefresher {
private static final OkHttpClient client = new OkHttpClient();
public static String refreshToken() throws IOException {
String url = "your_backend_api_end_point";
Request request = new Request.Builder()
.url(url)
.addHeader("Authorization", "your_token")
.get()
.build();
try (Response response = client.newCall(request).execute()) {
if (response.isSuccessful() && response.body() != null) {
// Assuming the token is part of the response body as a JSON field "token"
// If needed, parse the response as JSON
return response.body().string(); // Replace with JSON parsing if necessary
}
}
return null;
}
}
