package okhttp3

import java.io.Closeable
import java.util.concurrent.TimeUnit

class MediaType

class RequestBody {
    companion object {
        fun String.toRequestBody(type: MediaType? = null): RequestBody = TODO()
    }
}

class Request {
    class Builder {
        fun url(url: String): Builder = TODO()
        fun header(name: String, value: String): Builder = TODO()
        fun addHeader(name: String, value: String): Builder = TODO()
        fun get(): Builder = TODO()
        fun method(method: String, body: RequestBody?): Builder = TODO()
        fun build(): Request = TODO()
    }
}

class ResponseBody {
    fun string(): String = TODO()
}

class Response : Closeable {
    val code: Int = TODO()
    val isSuccessful: Boolean = TODO()
    val body: ResponseBody? = TODO()
    fun header(name: String, defaultValue: String? = null): String? = TODO()
    override fun close() {}
}

interface Call {
    fun execute(): Response
}

class OkHttpClient {
    fun newCall(request: Request): Call = TODO()

    class Builder {
        fun callTimeout(timeout: Long, unit: TimeUnit): Builder = TODO()
        fun followRedirects(follow: Boolean): Builder = TODO()
        fun build(): OkHttpClient = TODO()
    }
}
