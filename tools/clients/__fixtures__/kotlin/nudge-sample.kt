import okhttp3.OkHttpClient
import okhttp3.Request
suspend fun refreshToken(): String? {
val client = OkHttpClient()
val url = "your_backend_api_end_point"
val request = Request.Builder()
.url(url)
.addHeader("Authorization", "your_token")
.get()
.build()
client.newCall(request).execute().use { response ->
return if (response.isSuccessful) {
response.body?.string()
} else {
null
}
}
}
