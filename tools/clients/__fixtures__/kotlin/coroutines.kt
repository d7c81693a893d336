package kotlinx.coroutines

import kotlin.coroutines.CoroutineContext

interface CoroutineScope

object Dispatchers {
    val IO: CoroutineContext = TODO()
}

suspend fun <Result> withContext(context: CoroutineContext, block: suspend CoroutineScope.() -> Result): Result = TODO()
